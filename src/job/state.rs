//! `[state]`: how much all steps together may remember.
//!
//! ```toml
//! [state]
//! memory    = "1GiB"
//! max_state = "10GiB"
//! ```
//!
//! `memory` is shared out evenly among `dedup`, `top`, `window`, `sessionize`, a `fill` that looks back,
//! `aggregate`, `pivot`, `frequency`, and a `sort` without a `memory` of its own: what one of them remembers
//! beyond its share goes into spills, files beside the checkpoints that are written once, and what comes out is the
//! same. Half of a share is kept for the checkpoint that is being saved. Of a group that is larger than memory, or the
//! group of everything, the different values of `DISTINCT`, `mode` and `top_k` go into spills, too. All else that one
//! group remembers is in memory at one time when the group is given: the values of a quantile such as `median`, of
//! `histogram` and `entropy`, of `mode` and `top_k` with `DISTINCT`, and lists, which are short. So are the records that
//! a `top` gives of one key, and all records of a `window` that wait for `lead`, with what is remembered of their keys. All other steps hold in memory whatever
//! they remember. `max_state` is for all steps, in memory and in spills: above it the run stops with exit code 75, and
//! the same command goes on from there once the limit is raised. Without these keys there are no limits.

use super::Understood;
use super::section::Section;
use crate::transform::settings::StateSettings;
use serde_json::json;

/// The least that makes sense: less would only make more files.
const MEMORY_MIN: u64 = 1 << 10;

/// Reads `[state]`.
pub fn understand(mut section: Section<'_, '_>) -> Understood<StateSettings> {
    let (memory, memory_written) = section.size("memory", MEMORY_MIN).unzip();
    let (max_state, max_state_written) = section.size("max_state", MEMORY_MIN).unzip();
    section.finish();
    let effective = json!({ "memory": memory_written, "max_state": max_state_written });
    Understood { settings: StateSettings { memory, max_state }, effective }
}
