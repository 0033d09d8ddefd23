//! Wires hub, sources, sinks and front into one engine with desired state.
