//! work in progress
pub mod error;

pub mod record;

pub mod expr;

pub mod storage;

pub mod source;

pub mod decode;

pub mod transform;

pub mod state;

pub mod encode;

pub mod sink;

pub mod checkpoint;

pub mod job;

pub mod engine;

pub mod observe;

pub mod cli;
