"""The Streamlit face of ngcore: entry, state, caching, charts and components."""
