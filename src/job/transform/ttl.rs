//! `ttl` and `time`: how long a step remembers a key.

use super::stretch::{Least, stretch};
use crate::job::section::Section;
use crate::transform::settings::Ttl;
use serde_json::{Value as Json, json};

/// How long a key is remembered, with what the effective job says of `ttl` and `time`.
pub struct Written {
    ttl: Ttl,
    ttl_written: Json,
    time_written: Json,
}

/// Reads both keys of a step; `None` where one is wrong.
pub fn ttl(inner: &mut Section<'_, '_>, step: &str) -> Option<Option<Written>> {
    let (has_ttl, has_time) = (inner.entry("ttl").is_some(), inner.entry("time").is_some());
    if !has_ttl && !has_time {
        return Some(None);
    }
    let time = match has_time {
        true => inner.text("time"),
        false => inner.missing("time", "say when a record happened: `time = \"ordered_at\"`"),
    };
    let ttl = match has_ttl {
        true => stretch(inner, step, "ttl", Least::Something),
        false => inner.missing("ttl", "say how long a key is remembered: `ttl = \"7d\"`"),
    };
    let (time, (micros, ttl_written)) = (time?, ttl?);
    let time_written = json!(time.written);
    Some(Some(Written { ttl: Ttl { time: time.sql(), micros }, ttl_written, time_written }))
}

impl Written {
    /// What it says; the effective job, which says nothing of a `ttl` that is not given, is told.
    pub fn told(self, effective: &mut Json) -> Ttl {
        effective["ttl"] = self.ttl_written;
        effective["time"] = self.time_written;
        self.ttl
    }
}
