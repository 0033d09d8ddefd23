//! Cameras that are files: `file:NAME`, one file or all of a folder in the
//! order of their names, played again and again in real time.
//!
//! `shelf` opens files, under `media_dir` and nowhere else; `reel` reads them,
//! off the threads that move packets, a little at a time; `timeline` says when
//! each picture is due; `feed` keeps to it.

mod feed;
mod reel;
mod shelf;
mod timeline;

pub use feed::open;
