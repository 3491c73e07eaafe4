//! How much the steps may remember: `max_state`.
//!
//! It is looked at before a piece is applied, so that a run which must stop stops at a barrier: what it came to is saved,
//! and the same command goes on from there as soon as the limit is raised.

use super::plan::Plan;
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::transform::State;
use crate::transform::Step;

/// Checks that the states together are no larger than the job allows.
pub fn check_states(job: &Job, plan: &Plan, states: &[Option<State>]) -> Result<()> {
    let Some(limit) = job.state.max_state else { return Ok(()) };
    let pairs = plan.chain.steps.iter().zip(states);
    let sizes: Vec<(&Step, u64)> = pairs
        .filter_map(|(step, state)| {
            let (code, state) = (step.stateful()?, state.as_ref()?);
            let spilled: u64 = code.spills(state).iter().map(|spill| spill.length).sum();
            Some((step, code.bytes(state) + spilled))
        })
        .collect();
    let total: u64 = sizes.iter().map(|(_, bytes)| bytes).sum();
    let largest = sizes.iter().max_by_key(|(_, bytes)| *bytes);
    match largest {
        Some((step, bytes)) if total > limit => Err(too_large(&step.name, *bytes, total, limit)),
        _ => Ok(()),
    }
}

fn too_large(step: &str, bytes: u64, total: u64, limit: u64) -> Error {
    let [bytes, total, limit] = [bytes, total, limit].map(size_text);
    let message = format!(
        "stopped: the steps remember {total}, most of it `{step}` with {bytes}, and `max_state` is {limit}"
    );
    let hint = "raise `max_state` in `[state]`, then run the same command to go on";
    Error::new(Kind::StateLimit, message).with_hint(hint)
}

/// A number of bytes in the largest unit of which there is at least one, rounded down.
fn size_text(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(shift, _)| bytes >> shift > 0) {
        Some((shift, unit)) => {
            let tenths = (u128::from(bytes) * 10) >> shift;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_units_of_which_there_is_one() {
        let check = |bytes, expected: &str| assert_eq!(size_text(bytes), expected);
        check(0, "0 bytes");
        check(1023, "1023 bytes");
        check(1024, "1.0 KiB");
        check((3 << 20) / 2, "1.5 MiB");
        check(u64::MAX, "17179869183.9 GiB");
    }
}
