//! The one origin: HTTP/1.1 and WebSocket front with WHEP and a proxy to the API workers.
