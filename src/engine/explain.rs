//! What each step of a bound job makes of a record's columns.

use super::plan::Plan;
use crate::record::{DataType, Layout};

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepShape {
    /// The word that the job file uses.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Whether it remembers something from record to record.
    pub keeps_state: bool,
    /// The columns before it.
    pub before: Columns,
    /// The columns behind it.
    pub behind: Columns,
}

/// The columns of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// Those that are known, with their types.
    pub known: Vec<(String, DataType)>,
    /// Whether there may be others.
    pub others: Others,
}

/// Whether a record may have columns that are not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Others {
    /// It has none.
    None,
    /// Any key, except for these.
    Any {
        /// Keys that were taken out.
        except: Vec<String>,
    },
}

/// All steps of a bound job.
pub fn explain(plan: &Plan) -> Vec<StepShape> {
    let chain = &plan.chain;
    let behind = chain.layouts.iter().skip(1).chain([&chain.layout]);
    let steps = chain.steps.iter().zip(&chain.layouts).zip(behind);
    let shape = steps.map(|((step, before), behind)| StepShape {
        kind: step.kind,
        name: step.name.clone(),
        keeps_state: step.stateful().is_some(),
        before: Columns::of(before),
        behind: Columns::of(behind),
    });
    shape.collect()
}

impl Columns {
    fn of(layout: &Layout) -> Columns {
        let known = layout.fields.iter().map(|field| (field.name.clone(), field.data_type));
        let is_known = |name: &&String| layout.fields.iter().any(|field| field.name == **name);
        let others = match layout.is_open() {
            true => {
                let except = layout.left_out.iter().filter(|name| !is_known(name));
                Others::Any { except: except.cloned().collect() }
            }
            false => Others::None,
        };
        Columns { known: known.collect(), others }
    }
}
