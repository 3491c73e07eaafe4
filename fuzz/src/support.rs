//! What targets are made of.

#[path = "../../tests/support/choices.rs"]
pub mod choices;

#[path = "../../tests/support/folder.rs"]
pub mod folder;

#[path = "../../tests/support/machine.rs"]
pub mod machine;

#[path = "../../tests/support/memory.rs"]
pub mod memory;

#[path = "../../tests/support/report.rs"]
pub mod report;
