//! The ordered stage: takes the pieces strictly in input order, runs the steps with state, appends to the outputs, and is
//! consistent after each piece: a barrier.
//!
//! Invariants:
//! - after a piece, position, states, outputs and counters agree;
//! - when applying a piece fails half-way, no checkpoint is taken any more (`is_consistent`).

use super::ahead::{Given, SharedStates};
use super::inputs::Inputs;
use super::limits;
use super::located::Located;
use super::outputs::{Outputs, Syncs};
use super::partitions::detach_tails;
use super::plan::{Plan, SEMANTICS_VERSION};
use super::rejected::{Rejected, is_over_limit, is_over_limit_at_end};
use super::saver::{section_of, sync};
use super::spills::{FolderSpills, entry_of};
use super::summary::Written;
use super::tracking::Tracking;
use super::worker::{Encoded, Piece, Product, encode_all};
use super::world::World;
use crate::checkpoint::{
    CheckpointId, Counters, Draft, DraftSection, Form, Manifest, Phase, Round, RunId, SpillEntry,
    StepEntry, Trigger,
};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::observe::Event;
use crate::record::{Gravity, Position};
use crate::threads;
use crate::transform::{Drained, Flow, States};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Everything that a barrier makes consistent.
pub struct Ordered<'a> {
    world: &'a World,
    /// The job, with the outputs of its round.
    pub job: &'a Job,
    /// The bound job.
    pub plan: &'a Plan,
    /// The inputs.
    pub inputs: &'a Inputs,
    identity: Identity,
    /// Where the inputs were read up to.
    pub position: Position,
    /// What was counted so far, over all runs of the job.
    pub counters: Counters,
    /// What is being done.
    pub phase: Phase,
    outputs: Outputs,
    states: Arc<SharedStates>,
    /// What the steps had to say when their states were given up.
    last_remarks: Option<Vec<String>>,
    /// How far the steps had drained at the last barrier, once that has begun.
    drained: Option<Vec<Drained>>,
    tracking: Tracking<'a>,
    spills: Option<FolderSpills>,
    /// Whether the job, or a round of it, has just begun.
    pub is_new: bool,
    /// Of an incremental job, which round it is in.
    pub round: Option<Round>,
    /// Whether the input that is read ends with a record that is not whole, and is left for the next round.
    pub is_input_open: bool,
    /// When this run began, and how long those before it worked.
    started: Duration,
    millis_before: u64,
    is_consistent: bool,
    lines: Vec<u8>,
}

/// The states of the steps at a barrier.
#[derive(Default)]
struct FrozenStates {
    steps: Vec<StepEntry>,
    sections: Vec<DraftSection>,
    spills: Vec<SpillEntry>,
    /// What must be durable of the spills.
    syncs: Syncs,
    /// The largest number that a spill has that was made before.
    spills_made: u64,
}

/// Who a job and a run of it are.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The job's first start; the same in every run until it starts over.
    pub instance: RunId,
    /// This process.
    pub run: RunId,
    /// When this process began.
    pub run_started_at_micros: i64,
    /// When the job first started: its `now()`.
    pub first_started_at_micros: i64,
    /// Starts of other jobs whose state this one took over.
    pub origins: Vec<RunId>,
}

/// What a run starts with: nothing, or what a checkpoint says.
pub struct Beginning {
    /// Who the job is.
    pub identity: Identity,
    /// Where to read on.
    pub position: Position,
    /// What was counted.
    pub counters: Counters,
    /// Reading or draining.
    pub phase: Phase,
    /// The states of the steps.
    pub states: States,
    /// The outputs, at the barrier.
    pub outputs: Outputs,
    /// Whether the outputs are still without their headers.
    pub is_new: bool,
    /// Of an incremental job, which round it is in.
    pub round: Option<Round>,
}

impl<'a> Ordered<'a> {
    /// The stage at its first barrier.
    pub fn new(
        world: &'a World,
        job: &'a Job,
        plan: &'a Plan,
        inputs: &'a Inputs,
        tracking: Tracking<'a>,
        spills: Option<FolderSpills>,
        beginning: Beginning,
    ) -> Self {
        let Beginning { identity, position, counters, phase, states, outputs, is_new, round } =
            beginning;
        Ordered {
            world,
            job,
            plan,
            inputs,
            identity,
            position,
            counters,
            phase,
            outputs,
            states: SharedStates::new(states),
            last_remarks: None,
            drained: None,
            tracking,
            spills,
            is_new,
            round,
            is_input_open: false,
            started: world.clock.monotonic(),
            millis_before: counters.active_millis,
            is_consistent: true,
            lines: Vec::new(),
        }
    }

    /// Makes the staged files that are not there yet, and writes what stands before the first record.
    pub fn open_outputs(&mut self) -> Result<()> {
        self.is_consistent = false;
        self.outputs.open(self.world, self.plan.routes.headers())?;
        self.is_consistent = true;
        Ok(())
    }

    /// Whether this is a barrier: nothing failed half-way.
    pub fn is_consistent(&self) -> bool {
        self.is_consistent
    }

    /// What was counted in this round of the job; without rounds, since its first start.
    pub fn counted(&self) -> Counters {
        self.counters.since(&self.counted_before())
    }

    fn counted_before(&self) -> Counters {
        self.round.as_ref().map_or_else(Counters::default, |round| round.before)
    }

    /// Input bytes before the position.
    pub fn bytes_done(&self) -> u64 {
        self.inputs.bytes_before(self.position)
    }

    /// Whether no further record can change anything.
    pub fn is_full(&self) -> bool {
        self.plan.chain.is_full(&self.states.lock().states)
    }

    /// Applies the next piece.
    pub fn apply(&mut self, piece: Piece) -> Result<Flow> {
        limits::check_states(self.job, self.plan, &self.states.lock().states)?;
        let extent = piece.extent;
        let mut records = piece.records;
        let (encoded, flow) = match piece.product {
            Product::Encoded(encoded) => (encoded, Flow::Open),
            Product::Staged(staged) => {
                self.is_consistent = false;
                let plan = self.plan;
                let input = self.inputs.files.get(self.position.source.0 as usize);
                let source = input.map(|input| &*input.name);
                let tools = Located { plan, source, lines: self.position.lines, extent };
                let output =
                    plan.chain.run_ordered(*staged, &mut self.states.lock().states, &tools)?;
                let flow = output.flow;
                if let Flow::Full { last_row } = flow {
                    records = last_row.map_or(0, |last| u64::from(last + 1 - extent.first_row));
                }
                (encode_all(plan, output, Some(extent)), flow)
            }
        };
        self.check_rejects(&encoded)?;
        self.outputs.admit(self.world, self.job, &encoded.parts)?;
        self.write(&encoded)?;
        self.counters.records_read += records;
        self.position.offset = piece.end;
        self.position.records += piece.records;
        self.position.lines += piece.lines;
        self.barrier()?;
        Ok(flow)
    }

    /// Appends a piece's bytes and rejects.
    fn write(&mut self, encoded: &Encoded) -> Result<()> {
        self.is_consistent = false;
        for part in &encoded.parts {
            self.outputs.append(self.world, part)?;
            self.counters.bytes_written += part.bytes.len() as u64;
        }
        self.lines.clear();
        if let Some(input) = self.inputs.files.get(self.position.source.0 as usize) {
            let Position { records, lines, .. } = self.position;
            for reject in &encoded.rejects {
                reject.write(&mut self.lines, &input.name, records, lines);
            }
        } else {
            for reject in &encoded.rejects {
                reject.write(&mut self.lines, std::path::Path::new(""), 0, 0);
            }
        }
        self.outputs.append_rejects(self.world, &self.lines, encoded.rejects.len() as u64)?;
        self.counters.records_written += encoded.written;
        self.counters.records_filtered += encoded.filtered.count;
        self.counters.records_rejected += encoded.rejects.len() as u64;
        Ok(())
    }

    /// Position, states, outputs and counters agree again.
    fn barrier(&mut self) -> Result<()> {
        self.tracking.advance(self.position)?;
        self.is_consistent = true;
        let progress = &self.world.progress;
        let done = self.inputs.bytes_before(self.position);
        progress.bytes_done.store(done, Ordering::Relaxed);
        let Counters { records_read, records_written, records_filtered, records_rejected, .. } =
            self.counted();
        progress.records_read.store(records_read, Ordering::Relaxed);
        progress.records_written.store(records_written, Ordering::Relaxed);
        progress.records_filtered.store(records_filtered, Ordering::Relaxed);
        progress.records_rejected.store(records_rejected, Ordering::Relaxed);
        Ok(())
    }

    fn check_rejects(&self, encoded: &Encoded) -> Result<()> {
        if encoded.has_too_much_text() {
            // A step with state has advanced and cannot be done again in smaller pieces. What a record comes to must not
            // depend on its neighbours, so this is no reject.
            let message = "a step with state makes more than 256 MiB of text of one chunk";
            return Err(Error::failed(message).with_hint("let it make shorter texts"));
        }
        let rejects = &encoded.rejects;
        let Counters { records_read, records_rejected, .. } = self.counted();
        for (count, reject) in (records_rejected + 1..).zip(rejects) {
            let records = records_read + reject.records;
            if reject.gravity == Gravity::Fail {
                let place = self.place_of(reject);
                let message = format!("stopped at a record: {place}{}", reject.reason);
                let hint = "mend the record or the step, then run the same command to go on";
                return Err(Error::failed(message).with_hint(hint));
            }
            if is_over_limit(self.job.rejects.limit, count, records) {
                return Err(self.too_many(count, records, Some(reject)));
            }
        }
        Ok(())
    }

    /// A percentage is checked once more when all records are known.
    pub fn check_rejects_at_end(&self) -> Result<()> {
        let Counters { records_read, records_rejected, .. } = self.counted();
        if is_over_limit_at_end(self.job.rejects.limit, records_rejected, records_read) {
            return Err(self.too_many(records_rejected, records_read, None));
        }
        Ok(())
    }

    /// `in.csv` line 7, and a colon; empty where it is not known.
    fn place_of(&self, reject: &Rejected) -> String {
        let input = self.inputs.files.get(self.position.source.0 as usize);
        match (&reject.origin, input) {
            (Some(origin), Some(input)) => {
                let line = self.position.lines + origin.line + 1;
                format!("`{}` line {line}: ", input.name.display())
            }
            _ => String::new(),
        }
    }

    /// What the steps have to say of the records so far.
    pub fn remarks(&self) -> Vec<String> {
        match &self.last_remarks {
            Some(remarks) => remarks.clone(),
            None => self.plan.chain.remarks(&self.states.lock().states),
        }
    }

    fn too_many(&self, count: u64, records: u64, reject: Option<&Rejected>) -> Error {
        let place = reject.map(|reject| self.place_of(reject)).unwrap_or_default();
        let reason = reject.map_or("", |reject| &*reject.reason);
        let message = match (count, reject) {
            (1, Some(_)) => format!("stopped at a bad record: {place}{reason}"),
            (_, Some(_)) => format!(
                "stopped: {count} of {records} records are bad, and the limit is {}; the last: {place}{reason}",
                self.job.rejects.limit
            ),
            (_, None) => format!(
                "stopped: {count} of {records} records are bad, and the limit is {}",
                self.job.rejects.limit
            ),
        };
        if self.job.rejects.path.is_some() {
            let hint = match self.outputs.rejects_staged() {
                Some(path) => format!(
                    "the bad records so far are in `{}`; raise `limit` in `[rejects]`, then run the same command to go on",
                    path.strip_prefix(&self.job.folder).unwrap_or(path).display()
                ),
                None => "raise `limit` in `[rejects]`, then run the same command".to_owned(),
            };
            return Error::new(Kind::RejectLimit, message).with_hint(hint);
        }
        Error::new(Kind::RejectLimit, message).with_hint(
            "put bad records aside: `[rejects]` with `path = \"rejects.jsonl\"` and a `limit`, then run the same command",
        )
    }

    /// The input has been read to its end: the next one begins, or there are no more.
    pub fn end_input(&mut self) -> Result<()> {
        let source = self.position.source;
        let input = &self.inputs.files[source.0 as usize];
        let is_left_open = std::mem::take(&mut self.is_input_open);
        if self.position.offset != input.size && !is_left_open {
            let (name, offset) = (input.name.display(), self.position.offset);
            let message = format!("`{name}` was read to {offset} of {} bytes", input.size);
            return Err(Error::internal(message));
        }
        let left = input.length.saturating_sub(self.position.offset);
        if self.job.is_incremental() && left > 0 {
            let name = input.name.display();
            let note = format!(
                "the last {left} bytes of `{name}` are no whole record yet; a later run takes them"
            );
            self.world.observer.event(Event::Note(note));
        }
        self.is_consistent = false;
        self.tracking.end_input(self.position)?;
        self.inputs.close(source);
        self.position = self.inputs.start_of(source.0 as usize + 1);
        self.barrier()
    }

    /// The inputs behind the last chunk are empty: end them, too.
    pub fn end_inputs(&mut self) -> Result<()> {
        while (self.position.source.0 as usize) < self.inputs.files.len() {
            self.end_input()?;
        }
        Ok(())
    }

    /// After the input: the states of the steps, for whoever works out what they give.
    pub fn begin_draining(&mut self) -> Arc<SharedStates> {
        self.drained = Some(self.plan.chain.drained(&self.states.lock().states));
        Arc::clone(&self.states)
    }

    /// After the input: takes the next records that the steps made of their states; whether there were any.
    pub fn drain(&mut self, next: Result<Option<Given>>) -> Result<bool> {
        self.is_consistent = false;
        let Some(Given { encoded, before, after }) = next? else {
            self.is_consistent = true;
            return Ok(false);
        };
        if self.drained.as_ref().is_some_and(|drained| *drained != before) {
            return Err(Error::internal("records that a step holds were passed over"));
        }
        let checked = self.check_rejects(&encoded);
        let admitted =
            checked.and_then(|()| self.outputs.admit(self.world, self.job, &encoded.parts));
        if let Err(error) = admitted {
            // Nothing was written yet: what was read need not be read again.
            self.is_consistent = self.plan.chain.can_put_back(&before, &after);
            self.drained = Some(before);
            return Err(error);
        }
        self.drained = Some(after);
        self.write(&encoded)?;
        self.barrier()?;
        Ok(true)
    }

    /// The states of the steps at this barrier.
    fn freeze(&mut self, parent: Option<CheckpointId>) -> Result<FrozenStates> {
        let mut frozen = FrozenStates::default();
        let (plan, chain) = (self.plan, &self.plan.chain);
        let shared = Arc::clone(&self.states);
        let mut held = match &self.drained {
            None => shared.lock(),
            Some(drained) => shared.at(plan, drained)?,
        };
        for (index, state) in held.states.iter_mut().enumerate() {
            let step = &chain.steps[index];
            let (Some(state), Some(code)) = (state, step.stateful()) else { continue };
            let snapshot = chain.freeze_state(index, state, parent.is_none(), plan)?;
            frozen.spills.extend(code.spills(state).into_iter().map(entry_of));
            let (name, kind, version) = (step.name.clone(), step.kind.to_owned(), code.version());
            let section = section_of(name.clone(), version, snapshot);
            let form = section.form;
            frozen.steps.push(StepEntry { name, kind, state_version: version, form });
            frozen.sections.push(section);
        }
        // Freezing a state may change what the numbers mean.
        self.drained = self.drained.take().map(|_| chain.drained(&held.states));
        if let Some(folder) = &self.spills {
            // As long as nobody else works with the states. Who does makes spills, which no checkpoint may count among those
            // before it, since they would be removed as needed by none; and forgets some that this one needs, which were
            // never synced then.
            folder.add_syncs(&frozen.spills, &mut frozen.syncs);
            frozen.spills_made = folder.made();
        }
        drop(held);
        if self.drained.is_some() {
            // Who works ahead waits for them.
            threads::pass();
        }
        Ok(frozen)
    }

    /// What is left of the states when nobody needs them any more.
    fn forgotten(&self) -> FrozenStates {
        let spills_made = self.spills.as_ref().map_or(0, FolderSpills::made);
        FrozenStates { spills_made, ..FrozenStates::default() }
    }

    /// Everything was given. Where it will be given again, with more, what was only needed for giving is not kept;
    /// otherwise the states are over, and given to be dropped.
    pub fn begin_publishing(&mut self) -> States {
        self.phase = Phase::Publishing;
        if self.job.is_incremental() {
            self.plan.chain.give_again(&mut self.states.lock().states, self.plan);
            self.drained = None;
            return States::default();
        }
        self.last_remarks = Some(self.remarks());
        std::mem::take(&mut self.states.lock().states)
    }

    /// The checkpoint of this barrier and what must be durable before it is saved; `None` when there is no barrier because
    /// something failed half-way. With a `parent` it may hold only what changed since that one, the last that was saved.
    pub fn checkpoint(
        &mut self,
        trigger: Trigger,
        parent: Option<CheckpointId>,
    ) -> Result<Option<(Draft, Syncs)>> {
        if !self.is_consistent {
            return Ok(None);
        }
        // States that were frozen in vain may lack what they gave away.
        self.is_consistent = false;
        let is_over = matches!(self.phase, Phase::Publishing | Phase::Done);
        let is_forgotten = is_over && !self.job.is_incremental();
        let FrozenStates { steps, mut sections, spills, syncs, spills_made } = match is_forgotten {
            true => self.forgotten(),
            false => self.freeze(parent)?,
        };
        let Identity { instance, run, run_started_at_micros, first_started_at_micros, .. } =
            self.identity;
        self.counters.checkpoints += 1;
        self.counters.bytes_read = self.counted_before().bytes_read + self.bytes_done();
        self.counters.active_millis = self.millis_before + self.millis_worked();
        let mut outputs = self.outputs.entries();
        // Finished outputs are not rewound any more.
        let tails = detach_tails(&mut outputs).filter(|_| !is_over);
        sections.extend(tails.map(DraftSection::from));
        let manifest = Manifest {
            semantics: SEMANTICS_VERSION,
            onward_version: env!("CARGO_PKG_VERSION").to_owned(),
            job_name: self.job.name.clone(),
            job: self.job.effective.clone(),
            instance,
            run,
            run_started_at_micros,
            first_started_at_micros,
            taken_at_micros: self.world.clock.wall_micros(),
            trigger,
            phase: self.phase,
            position: self.position,
            inputs: self.tracking.entries(self.position)?,
            references: self.inputs.references.iter().map(|file| file.entry()).collect(),
            steps,
            outputs,
            spills,
            spills_made,
            origins: self.identity.origins.clone(),
            earlier: self.outputs.earlier(),
            counters: self.counters,
            header: Some(self.inputs.names.clone()),
            round: self.round.clone(),
        };
        // What was handed out to be synced is not handed out again: where something failed, there is no barrier any more.
        let syncs = self.outputs.syncs().and(syncs);
        let parent = parent.filter(|_| sections.iter().any(|one| one.form == Form::Delta));
        self.is_consistent = true;
        Ok(Some((Draft { manifest, sections, parent }, syncs)))
    }

    fn millis_worked(&self) -> u64 {
        let worked = self.world.clock.monotonic().saturating_sub(self.started);
        u64::try_from(worked.as_millis()).unwrap_or(u64::MAX)
    }

    /// The outputs of the sinks and the records in them.
    pub fn written(&self) -> Vec<Written> {
        self.outputs.written()
    }

    /// Makes the outputs durable, where no checkpoint does it.
    pub fn sync_outputs(&mut self) -> Result<()> {
        sync(self.world, &self.outputs.syncs())
    }

    /// Gives the outputs their final names; they are durable, and a checkpoint says so.
    pub fn publish(&mut self) -> Result<()> {
        self.outputs.publish(self.world)
    }
}
