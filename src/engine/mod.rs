//! Where all stages meet. `pipeline` is the sketch of the whole program; read it first.
//!
//! What a terminal, a command line, the environment or an exit code is, is not known here.
//!
//! Invariants:
//! - serial is parallel with one worker: there is one code path;
//! - a checkpoint is taken only at a barrier, where position, states, outputs and counters agree;
//! - decisions are made in `decision` and `checkpoint::trigger`, from facts, without effects.

mod ahead;

mod carry;

mod copies;

mod decision;

mod explain;

mod inputs;

mod located;

mod look;

mod ordered;

mod output;

mod outputs;

mod partitions;

mod pipeline;

mod plan;

mod prepare;

mod preview;

mod queue;

mod recheck;

mod references;

mod rejected;

mod rewinding;

mod routes;

mod saver;

mod schedule;

mod spills;

mod summary;

mod survey;

mod tracking;

mod worker;

mod world;

pub use crate::source::chunks::Chunks;
pub use decision::{Decision, Found, InputFinding, acting};
pub use explain::{Columns, Others, StepShape, explain};
pub use inputs::Inputs;
pub use look::{Bound, Outlook, bind, folder, outlook};
pub use pipeline::run;
pub use plan::{Plan, SEMANTICS_VERSION};
pub use prepare::Resumed;
pub use preview::{Preview, preview};
pub use schedule::StopCause;
pub use summary::{Outcome, Summary, Written};
pub use world::{ChangeMode, Requests, RunOptions, StartMode, StopAfter, World};
