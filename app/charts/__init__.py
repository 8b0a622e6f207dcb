"""Figures of networks: pure functions that return a plotly figure or the options of an ECharts chart."""
