"""Starts, behind the first page, the thread that reads what other pages will ask for first."""

import os
import sys
import threading
from importlib import import_module

import streamlit as st
from streamlit.runtime.scriptrunner import add_script_run_ctx

from app.server import spare_collector

NICENESS = 10


@st.cache_resource(show_spinner=False)
def start_preload() -> threading.Thread:
    """Start it, once for all sessions; the thread sees the session that was first."""
    thread = threading.Thread(target=_preload_gently, daemon=True)
    add_script_run_ctx(thread)
    thread.start()
    return thread


def _preload_gently() -> None:
    """Let the pages go first, where a thread can have its own priority."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
    import_module("app.warm_up").warm_up()  # imports torch, for which the first page does not wait
    spare_collector()
