//! Python bindings of the engine: exports only.
