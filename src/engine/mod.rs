//! Where all stages meet. `pipeline` is the sketch of the whole program; read it first.
//!
//! What a terminal, a command line, the environment or an exit code is, is not known here.
//!
//! Invariants:
//! - serial is parallel with one worker: there is one code path;
//! - a checkpoint is taken only at a barrier, where position, states, outputs and counters agree;
//! - decisions are made in `decision` and `checkpoint::trigger`, from facts, without effects.

mod ahead;

mod arrivals;

mod carry;

mod comparison;

mod copies;

mod decision;

mod explain;

mod fit;

mod given_up;

mod inputs;

mod limits;

mod located;

mod look;

mod mistakes;

mod ordered;

mod output;

mod outputs;

mod owner;

mod partitions;

mod pipeline;

mod plan;

mod prefix;

mod prepare;

mod preview;

mod queue;

mod recheck;

mod references;

mod rejected;

mod remembered;

mod rewinding;

mod round_survey;

mod rollback;
mod rounds;

mod routes;

mod saver;

mod schedule;

mod spills;

mod staging;

mod summary;

mod survey;

mod tracking;

mod transfer;

mod verification;

mod worker;

mod world;

pub use crate::source::chunks::Chunks;
pub use comparison::{Differences, KeyPair, OutputPair, Pair, StepPair, compare};
pub use copies::newest_copy;
pub use decision::{Decision, Found, InputFinding, News, acting};
pub use explain::{Columns, Others, StepShape, explain};
pub use fit::Fit;
pub use given_up::Followers;
pub use inputs::Inputs;
pub use look::{Bound, Outlook, bind, folder, news, outlook};
pub use owner::{check_owner, owner};
pub use pipeline::run;
pub use plan::{Plan, SEMANTICS_VERSION};
pub use prepare::Resumed;
pub use preview::{Preview, preview};
pub use remembered::{Notation, compare_keys, show_state};
pub use rollback::{RolledBack, rollback};
pub use schedule::StopCause;
pub use summary::{Outcome, Summary, Written};
pub use transfer::{Arrival, Arrived, Cargo, Exported, arrive, export};
pub use verification::{CopiesFound, Verified, copies_of, verify_newest, verify_one};
pub use world::{ChangeMode, Requests, RunOptions, StartMode, StopAfter, World};
