//! Checkpoints for the tests of this module.

use crate::checkpoint::{
    Checkpoint, CheckpointId, Counters, Form, InputEntry, Manifest, OutputEntry, Phase, RunId,
    Section, StepEntry, Trigger,
};
use crate::record::{Fingerprint, Position, SourceIndex};

/// The instance of all samples.
pub const INSTANCE: RunId = RunId(*b"0123456789abcdef");

/// A manifest that tells `number` by its position and counters.
pub fn manifest(number: u64) -> Manifest {
    Manifest {
        semantics: 1,
        onward_version: "0.1.0".into(),
        job_name: "daily".into(),
        job: serde_json::json!({"name": "daily", "sink": {"path": "daily.csv"}}),
        instance: INSTANCE,
        run: RunId(*b"the second run  "),
        run_started_at_micros: 1_704_067_300_000_000,
        first_started_at_micros: 1_704_067_200_000_000,
        taken_at_micros: 1_704_067_400_000_000,
        trigger: Trigger::Records,
        phase: Phase::Reading,
        position: Position {
            source: SourceIndex(1),
            offset: 1000 * number,
            records: 10 * number,
            lines: 11 * number,
        },
        inputs: vec![InputEntry {
            path: "orders.csv".into(),
            fingerprint: Fingerprint {
                size: 123_456,
                modified_ns: 17,
                is_full: false,
                inode: 4711,
                head_crc: 1,
                consumed: 1000,
                window_crc: 2,
                segment_crcs: vec![3, 4_294_967_295],
            },
            part: None,
        }],
        references: Vec::new(),
        steps: vec![StepEntry {
            name: "unique".into(),
            kind: "dedup".into(),
            state_version: 3,
            form: Form::Base,
        }],
        outputs: vec![OutputEntry {
            name: "sink".into(),
            target: "daily.csv".into(),
            length: 4099,
            crc: 0xdead_beef,
            tail: vec![0, 10, 255],
            records: 0,
            replaces: false,
            ours: None,
            extends: None,
        }],
        spills: Vec::new(),
        spills_made: 0,
        origins: Vec::new(),
        earlier: Vec::new(),
        counters: Counters {
            records_read: 10 * number,
            checkpoints: number,
            ..Counters::default()
        },
        header: Some(vec!["id".into(), "amount".into()]),
        round: None,
    }
}

/// A base with two states that tell `number`.
pub fn base(number: u64) -> Checkpoint {
    Checkpoint {
        manifest: manifest(number),
        sections: vec![section("unique", Form::Base, number), section("sums", Form::Base, number)],
        parent: None,
    }
}

/// A delta on `parent`: one state changed, one was written anew.
pub fn delta(number: u64, parent: CheckpointId) -> Checkpoint {
    Checkpoint {
        manifest: manifest(number),
        sections: vec![section("unique", Form::Delta, number), section("sums", Form::Base, number)],
        parent: Some(parent),
    }
}

/// A section whose bytes tell `number`; they hardly compress.
pub fn section(name: &str, form: Form, number: u64) -> Section {
    let mut state = number;
    let mut bytes = Vec::new();
    for _ in 0..40 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend((state ^ (state >> 29)).to_le_bytes());
    }
    Section { name: name.into(), form, version: 3, bytes }
}
