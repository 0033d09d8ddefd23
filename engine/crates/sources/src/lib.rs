//! RTSP camera sources with one state machine and jittered reconnects.
