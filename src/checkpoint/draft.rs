//! A checkpoint that is about to be saved: its states need not be bytes yet.

use super::{Checkpoint, CheckpointId, Form, Manifest, Section};
use std::fmt;

/// What a section is made of.
pub trait Content: fmt::Debug + Send {
    /// Hands out its bytes, portion by portion.
    fn write(self: Box<Self>, take: &mut dyn FnMut(&[u8]));
}

/// What is saved at a barrier.
#[derive(Debug)]
pub struct Draft {
    /// See [`Checkpoint::manifest`].
    pub manifest: Manifest,
    /// See [`Checkpoint::sections`].
    pub sections: Vec<DraftSection>,
    /// See [`Checkpoint::parent`].
    pub parent: Option<CheckpointId>,
}

/// A section that is about to be written.
#[derive(Debug)]
pub struct DraftSection {
    /// See [`Section::name`].
    pub name: String,
    /// See [`Section::form`].
    pub form: Form,
    /// See [`Section::version`].
    pub version: u32,
    /// What becomes its bytes.
    pub content: Box<dyn Content>,
}

impl Content for Vec<u8> {
    fn write(self: Box<Self>, take: &mut dyn FnMut(&[u8])) {
        take(&self);
    }
}

impl From<Section> for DraftSection {
    fn from(section: Section) -> Self {
        let Section { name, form, version, bytes } = section;
        DraftSection { name, form, version, content: Box::new(bytes) }
    }
}

impl From<Checkpoint> for Draft {
    fn from(checkpoint: Checkpoint) -> Self {
        let Checkpoint { manifest, sections, parent } = checkpoint;
        let sections = sections.into_iter().map(DraftSection::from).collect();
        Draft { manifest, sections, parent }
    }
}
