//! `[state]` as understood.

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
