//! Functions that prepare something from an argument which is nearly always constant: a pattern, a format, a key.
//!
//! Where these arguments are constants it happens once, when the expression is bound, and what is wrong with them is an
//! error before the first record. Otherwise it happens once per value, with a bounded number of them kept per batch,
//! and what is wrong is a fault of the row.

use super::{Body, Function, by_row};
use crate::expr::evaluate::cell::{Answer, Builder, Cell, Failure, Operand};
use crate::record::Column;
use std::collections::HashMap;
use std::sync::Arc;

/// What is computed per row once everything is prepared.
pub type Routine =
    Arc<dyn for<'a> Fn(&[Cell<'a>], &mut Vec<u8>) -> Result<Answer<'a>, Failure> + Send + Sync>;

/// Prepares a call from its constant arguments; `None` stands for the computed ones. Those that the function prepares
/// from are always there, and never NULL.
pub type Prepare = fn(&[Option<Cell>]) -> Result<Routine, Flaw>;

/// The most prepared values that are kept for a batch: enough for a column of few patterns, without much memory.
const KEPT_MAX: usize = 64;

/// What is wrong with an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Which one, counted from 0.
    pub argument: usize,
    /// What, without data.
    pub reason: Failure,
    /// More for whoever wrote the argument; it may repeat what was written.
    pub detail: String,
}

/// A call with what was prepared for it.
#[derive(Clone)]
pub struct PreparedCall {
    /// The function.
    pub function: &'static Function,
    /// What was prepared; `None` where the arguments are computed.
    pub routine: Option<Routine>,
}

impl Flaw {
    /// A flaw without more to say.
    pub fn new(argument: usize, reason: impl Into<Failure>) -> Flaw {
        Flaw { argument, reason: reason.into(), detail: String::new() }
    }
}

/// Calls are equal where function and arguments are: what is prepared follows from them.
impl PartialEq for PreparedCall {
    fn eq(&self, other: &PreparedCall) -> bool {
        self.function == other.function
    }
}

impl std::fmt::Debug for PreparedCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.function.doc.name)
    }
}

/// Gives a closure the type of a routine.
pub fn routine<F>(run: F) -> Routine
where
    F: for<'a> Fn(&[Cell<'a>], &mut Vec<u8>) -> Result<Answer<'a>, Failure> + Send + Sync + 'static,
{
    Arc::new(run)
}

/// Calls a function for each of `rows`; NULL where an argument is NULL.
pub fn call_prepared(
    call: &PreparedCall,
    arguments: &[Operand],
    builder: Builder,
    rows: &[u32],
) -> Arc<Column> {
    let Body::Prepared(_, from, prepare) = call.function.body else {
        unreachable!("only functions that prepare something have this node");
    };
    match &call.routine {
        Some(routine) => by_row(arguments, builder, rows, true, |cells, out| routine(cells, out)),
        None => {
            let mut kept = Kept::default();
            by_row(arguments, builder, rows, true, |cells, out| {
                kept.routine(from, prepare, cells)?(cells, out)
            })
        }
    }
}

/// What was prepared for the values met so far. Which ones are kept changes the time only.
#[derive(Default)]
struct Kept {
    routines: HashMap<Box<[u8]>, Result<Routine, Failure>>,
    key: Vec<u8>,
}

impl Kept {
    fn routine(
        &mut self,
        from: &[usize],
        prepare: Prepare,
        cells: &[Cell],
    ) -> Result<Routine, Failure> {
        self.key.clear();
        let mut constants = vec![None; cells.len()];
        for index in from.iter().filter(|index| **index < cells.len()) {
            constants[*index] = Some(cells[*index]);
            write_key(&mut self.key, cells[*index]);
        }
        if let Some(known) = self.routines.get(&*self.key) {
            return known.clone();
        }
        if self.routines.len() == KEPT_MAX {
            self.routines.clear();
        }
        let made = prepare(&constants).map_err(|flaw| flaw.reason);
        self.routines.insert(self.key.as_slice().into(), made.clone());
        made
    }
}

/// Different values of one type give different keys.
fn write_key(key: &mut Vec<u8>, cell: Cell) {
    match cell {
        Cell::Text(bytes) => {
            key.extend_from_slice(&bytes.len().to_le_bytes());
            key.extend_from_slice(bytes);
        }
        other => key.extend_from_slice(format!("{other:?};").as_bytes()),
    }
}
