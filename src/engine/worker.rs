//! What happens to one chunk in any thread: read, cut, decoded, run through the steps without state, encoded.

use super::inputs::Inputs;
use super::plan::Plan;
use super::queue::{Start, Task};
use super::rejected::{LineCount, Origin, RAW_BYTES_MAX, Rejected};
use super::routes::Part;
use super::schedule::Happened;
use crate::decode::{Cut, CutOutcome, Skip, Start as CutStart};
use crate::error::{Error, Result};
use crate::expr::TOO_MUCH_TEXT;
use crate::record::{Batch, Filtered, Gravity, RawRecords, Reject, Values};
use crate::source::Input;
use crate::source::chunks::Chunks;
use crate::storage::{Storage, read_full};
use crate::transform::{Flow, Output, Staged, Tools};
use std::sync::Arc;

/// A processed chunk: the records from `start` to `end`.
#[derive(Debug)]
pub struct Chunk {
    /// File offset of its first record.
    pub start: u64,
    /// File offset of the first record behind it.
    pub end: u64,
    /// Its records, cut where the checkpoint predicate held; each piece ends in a barrier.
    pub pieces: Vec<Piece>,
    /// Whether the input ends in it with a record that is not whole yet, and is left for the next round.
    pub is_open: bool,
}

impl Chunk {
    /// A chunk without records.
    pub fn empty(at: u64) -> Chunk {
        Chunk { start: at, end: at, pieces: Vec::new(), is_open: false }
    }
}

/// A run of records of a chunk that is applied as one.
#[derive(Debug)]
pub struct Piece {
    /// Where its records stand.
    pub extent: Extent,
    /// File offset of the first record behind it.
    pub end: u64,
    /// Number of records.
    pub records: u64,
    /// Line ends in it.
    pub lines: u64,
    /// What became of the records.
    pub product: Product,
    /// Whether the checkpoint predicate held for its last record.
    pub happened: Happened,
}

/// Where the rows of a piece stand in the input.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// File offset of the bytes that the batch's offsets count into.
    pub base: u64,
    /// Offset in those bytes at which the piece starts.
    pub start: u32,
    /// First row of the batch that belongs to the piece.
    pub first_row: u32,
}

/// How far a piece could be processed ahead of its turn.
#[derive(Debug)]
pub enum Product {
    /// To its output bytes.
    Encoded(Encoded),
    /// To a step with state.
    Staged(Box<Staged>),
}

/// A piece's output.
#[derive(Debug, Default)]
pub struct Encoded {
    /// Bytes for each output that has some.
    pub parts: Vec<Part>,
    /// Records in them, each counted once.
    pub written: u64,
    /// Records that a step let go.
    pub filtered: Filtered,
    /// Records that something was wrong with, by row.
    pub rejects: Vec<Rejected>,
}

impl Product {
    /// Whether a row was rejected only because of what its neighbours took.
    fn has_too_much_text(&self) -> bool {
        match self {
            Product::Encoded(encoded) => encoded.has_too_much_text(),
            Product::Staged(staged) => {
                staged.batch.rejects.iter().any(|reject| reject.reason.ends_with(TOO_MUCH_TEXT))
            }
        }
    }
}

impl Encoded {
    /// Whether a row was rejected only because of what its neighbours took.
    pub fn has_too_much_text(&self) -> bool {
        self.rejects.iter().any(|reject| reject.reason.ends_with(TOO_MUCH_TEXT))
    }

    /// Leaves out the rows behind the last one that mattered, as if they had never been read: what became
    /// of them depends on where the chunk happened to end. None of them was written.
    pub fn forget_behind(&mut self, last_row: Option<u32>) {
        self.rejects.retain(|reject| last_row.is_some_and(|last| reject.row <= last));
        self.filtered.forget_behind(last_row);
    }

    /// Puts what became of another batch of the same piece behind this.
    pub fn absorb(&mut self, other: Encoded) {
        for part in other.parts {
            match self.parts.last_mut() {
                Some(last) if last.is_beside(&part) => last.absorb(&part),
                _ => self.parts.push(part),
            }
        }
        self.written += other.written;
        self.filtered.absorb(other.filtered);
        self.rejects.extend(other.rejects);
        self.rejects.sort_by_key(|reject| reject.row);
    }
}

/// Bytes read beyond a chunk's nominal end, for its last record.
const OVERLAP_BYTES: usize = 16 * 1024;
/// A guessed start is given up where the last record seems to need more bytes than this.
const GUESS_BYTES_MAX: usize = 256 * 1024;
/// The most windows that a worker holds on to: a few more than are under way.
const WINDOWS_MAX: usize = 8;
/// Bytes read at a time while the rest of an oversize record is skipped.
const SKIP_BYTES: usize = 1024 * 1024;

/// Reads and processes chunks; one for each thread.
pub struct Worker<'a> {
    plan: &'a Plan,
    inputs: &'a Inputs,
    storage: &'a dyn Storage,
    chunks: Chunks,
    /// The bytes of the last chunks; those that nobody else looks at any more are used again.
    windows: Vec<Arc<Vec<u8>>>,
    /// A piece ends behind so many records of a chunk.
    split: Option<u32>,
}

impl<'a> Worker<'a> {
    /// A worker that has read nothing yet.
    pub fn new(
        plan: &'a Plan,
        inputs: &'a Inputs,
        storage: &'a dyn Storage,
        chunks: Chunks,
    ) -> Worker<'a> {
        Worker { plan, inputs, storage, chunks, windows: Vec::new(), split: None }
    }

    /// Processes a chunk; `None` when its start could not be guessed, or the guess led nowhere.
    pub fn process(&mut self, task: Task) -> Result<Option<Chunk>> {
        let input = &self.inputs.files[task.source.0 as usize];
        let nominal = self.chunks.range(task.number);
        let (nominal_start, nominal_end) = (nominal.start, nominal.end.min(input.size));
        let start = match task.start {
            Start::Guess if nominal_start <= input.from.offset => Start::Exact(input.from.offset),
            start => start,
        };
        if let Start::Exact(start) = start
            && start >= nominal_end
        {
            return Ok(Some(Chunk::empty(start)));
        }
        let opened = self.inputs.handle(self.storage, task.source)?;
        // A guess needs to see whether the byte before the chunk ended a line.
        let (base, cut_start) = match start {
            Start::Exact(start) => (start, CutStart::Exact(0)),
            Start::Guess => (nominal_start - 1, CutStart::AtOrAfter(1)),
        };
        let reader = WindowReader { input: &opened, base, size: input.size };
        let end = usize::try_from(nominal_end - base).expect("a chunk fits into memory");
        let mut wanted = end + OVERLAP_BYTES;
        loop {
            let mut window = self.free_window();
            let buffer = Arc::get_mut(&mut window).expect("nobody else looks at it");
            let is_end = reader.read(buffer, wanted)?;
            // A long record may have needed a large one, which the next chunk does not.
            if window.capacity() <= 2 * (end + OVERLAP_BYTES) {
                self.windows.push(Arc::clone(&window));
            }
            let cut_again = || self.plan.decoder.cut(&window, cut_start, end, is_end);
            match cut_again() {
                CutOutcome::Unknown => return Ok(None),
                // Behind a wrong guess a record may seem to go on and on: better to wait for the exact start.
                CutOutcome::NeedMore
                    if task.start == Start::Guess && wanted > end + GUESS_BYTES_MAX =>
                {
                    return Ok(None);
                }
                CutOutcome::NeedMore => wanted *= 2,
                CutOutcome::Cut(cut) => {
                    let mut chunk = self.chunk(base, cut, &cut_again);
                    // Nothing but a record that is not given ends a chunk before its end.
                    chunk.is_open = self.plan.leaves_open && chunk.end < nominal_end;
                    if chunk.is_open && chunk.end == chunk.start {
                        // What gets nowhere is no barrier.
                        chunk.pieces.clear();
                    }
                    return Ok(Some(chunk));
                }
                CutOutcome::Oversize { before, skip } => {
                    let mut chunk = self.chunk(base, before, &cut_again);
                    self.skip(&reader, skip, &mut chunk)?;
                    return Ok(Some(chunk));
                }
            }
        }
    }

    /// Room for the bytes of a chunk.
    fn free_window(&mut self) -> Arc<Vec<u8>> {
        if let Some(free) = self.windows.iter().position(|window| Arc::strong_count(window) == 1) {
            return self.windows.swap_remove(free);
        }
        if self.windows.len() == WINDOWS_MAX {
            self.windows.remove(0);
        }
        Arc::default()
    }

    /// What a worker made of a chunk whose first record is now known to start at `start`, or what should have been made
    /// of it. Where it has more than `records_max` records a piece ends behind these.
    pub fn exactly(
        &mut self,
        task: Task,
        processed: Option<Chunk>,
        start: u64,
        records_max: Option<u64>,
    ) -> Result<Chunk> {
        let chunk = match processed {
            Some(chunk) if chunk.start == start => chunk,
            _ => self.process_exact(task, start)?,
        };
        let records: u64 = chunk.pieces.iter().map(|piece| piece.records).sum();
        let Some(records_max) = records_max.filter(|records_max| *records_max < records) else {
            return Ok(chunk);
        };
        self.split = u32::try_from(records_max).ok();
        let chunk = self.process_exact(task, start);
        self.split = None;
        chunk
    }

    /// Processes a chunk whose first record is known to start at `start`.
    pub fn process_exact(&mut self, task: Task, start: u64) -> Result<Chunk> {
        let chunk = self.process(Task { start: Start::Exact(start), ..task })?;
        chunk.ok_or_else(|| Error::internal("a chunk with a known start was not cut"))
    }

    /// Runs the records of a chunk through the steps; where that makes too much text at a time, in ever smaller pieces,
    /// until a record is by itself.
    fn chunk(&self, base: u64, mut cut: Cut, cut_again: &dyn Fn() -> CutOutcome) -> Chunk {
        let (start, end) = (base + cut.start as u64, base + cut.end as u64);
        let mut rows_max = u32::try_from(cut.batch.rows).expect("rows have 32 bits").max(1);
        loop {
            let pieces = self.pieces(base, cut, rows_max);
            if rows_max == 1 || !pieces.iter().any(|piece| piece.product.has_too_much_text()) {
                return Chunk { start, end, pieces, is_open: false };
            }
            rows_max = rows_max.div_ceil(4);
            cut = match cut_again() {
                CutOutcome::Cut(cut) | CutOutcome::Oversize { before: cut, .. } => cut,
                CutOutcome::NeedMore | CutOutcome::Unknown => {
                    unreachable!("the same bytes are cut in the same way")
                }
            };
        }
    }

    /// The records in pieces that end behind the records for which the checkpoint predicate holds, none of more than
    /// `rows_max` records.
    fn pieces(&self, base: u64, cut: Cut, rows_max: u32) -> Vec<Piece> {
        let Cut { start, end, lines, mut batch } = cut;
        batch.filtered = self.plan.filtered();
        let rows = u32::try_from(batch.rows).expect("rows have 32 bits");
        let ends = piece_ends(rows, rows_max, self.stops(&mut batch));
        let mut extent = Extent { base, start: narrow(start), first_row: 0 };
        if let [(_, happened)] = *ends {
            let (records, end) = (u64::from(rows), base + end as u64);
            return vec![self.piece(batch, extent, records, end, lines, happened)];
        }
        let mut pieces = Vec::new();
        for (end_row, happened) in ends {
            let piece_end = if end_row == rows {
                end
            } else {
                batch.raw.record_span(end_row as usize).start as usize
            };
            let part = part_of(&batch, extent.first_row, end_row);
            let bytes = &chunk_bytes(&batch.raw)[extent.start as usize..piece_end];
            let records = u64::from(end_row - extent.first_row);
            let lines = self.plan.decoder.count_lines(bytes);
            let piece_end_offset = base + piece_end as u64;
            pieces.push(self.piece(part, extent, records, piece_end_offset, lines, happened));
            extent = Extent { base, start: narrow(piece_end), first_row: end_row };
        }
        pieces
    }

    /// Where pieces must end: how many rows are before it, and why.
    fn stops(&self, batch: &mut Batch) -> Vec<(u32, Happened)> {
        let behind = |row: &u32| (*row + 1, Happened::PredicateHeld);
        let mut stops: Vec<_> = self.predicate_rows(batch).iter().map(behind).collect();
        if let Some(split) = self.split
            && (split as usize) < batch.rows
            && let Err(place) = stops.binary_search_by_key(&split, |(end, _)| *end)
        {
            stops.insert(place, (split, Happened::Nothing));
        }
        stops
    }

    /// The rows for which the checkpoint predicate holds. It only decides about checkpoints: a faulty row is none.
    fn predicate_rows(&self, batch: &mut Batch) -> Vec<u32> {
        let Some((predicate, reads)) = &self.plan.when else { return Vec::new() };
        self.plan.fill(batch, reads);
        let column = predicate.evaluate(batch, &batch.selection);
        let Values::Boolean(values) = &column.values else {
            unreachable!("predicates are boolean")
        };
        let holds = |row: &&u32| values[**row as usize] && column.is_valid(**row as usize);
        batch.selection.iter().filter(holds).copied().collect()
    }

    fn piece(
        &self,
        batch: Batch,
        extent: Extent,
        records: u64,
        end: u64,
        lines: u64,
        happened: Happened,
    ) -> Piece {
        let product = match self.plan.chain.run_stateless(batch, 0, self.plan) {
            Ok(batch) => Product::Encoded(encode(self.plan, batch, Some(extent))),
            Err(staged) => Product::Staged(staged),
        };
        Piece { extent, end, records, lines, product, happened }
    }
}

/// Encodes what came out of the chain because of one piece, or after the last one.
pub fn encode_all(plan: &Plan, output: Output, extent: Option<Extent>) -> Encoded {
    let mut batches = output.batches.into_iter();
    let first = batches.next().map(|batch| encode(plan, batch, extent));
    let mut encoded = first.unwrap_or_default();
    batches.for_each(|batch| encoded.absorb(encode(plan, batch, extent)));
    if let Flow::Full { last_row } = output.flow {
        encoded.forget_behind(last_row);
    }
    encoded
}

/// Encodes a batch that came to the end of the chain.
pub fn encode(plan: &Plan, mut batch: Batch, extent: Option<Extent>) -> Encoded {
    let parts = plan.routes.encode(plan, &mut batch);
    batch.rejects.sort_by_key(|reject| reject.row);
    let mut lines = LineCount::new(&plan.decoder, &batch.raw, extent);
    let keep = |reject: &Reject| Rejected::new(reject, &batch.raw, extent, &mut lines);
    let rejects = batch.rejects.iter().map(keep).collect();
    let (written, filtered) = (batch.selection.len() as u64, batch.filtered);
    Encoded { parts, written, filtered, rejects }
}

/// Where pieces end, as rows behind their last one: where they must, and so that none is too long.
fn piece_ends(rows: u32, rows_max: u32, stops: Vec<(u32, Happened)>) -> Vec<(u32, Happened)> {
    let mut ends = Vec::new();
    let mut from = 0;
    for (end, happened) in stops.into_iter().chain([(rows, Happened::Nothing)]) {
        while end - from > rows_max {
            from += rows_max;
            ends.push((from, Happened::Nothing));
        }
        if end > from || ends.is_empty() {
            ends.push((end, happened));
        }
        from = end;
    }
    ends
}

/// The rows `first..end` of a batch.
fn part_of(batch: &Batch, first: u32, end: u32) -> Batch {
    let mut part = batch.clone();
    part.selection.retain(|row| (first..end).contains(row));
    part.rejects.retain(|reject| (first..end).contains(&reject.row));
    part
}

/// The bytes that the offsets of raw records count into.
pub fn chunk_bytes(raw: &RawRecords) -> &[u8] {
    match raw {
        RawRecords::None => &[],
        RawRecords::Csv(records) => &records.chunk,
        RawRecords::Json(records) => &records.chunk,
    }
}

fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).expect("a window is smaller than 4 GiB")
}

/// Reads the bytes of one input from an offset on.
struct WindowReader<'a> {
    input: &'a Input,
    base: u64,
    size: u64,
}

impl WindowReader<'_> {
    /// `wanted` bytes or all that are left, and whether these are all.
    fn read(&self, buffer: &mut Vec<u8>, wanted: usize) -> Result<bool> {
        let left = self.size - self.base;
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(wanted);
        buffer.resize(length, 0);
        self.read_at(buffer, self.base)?;
        Ok(length as u64 == left)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let Input { file, path, .. } = self.input;
        let reading = |cause| Error::io("read", path, cause);
        let count = read_full(&**file, buffer, offset).map_err(reading)?;
        if count == buffer.len() {
            return Ok(());
        }
        let (found, had) = (offset + count as u64, self.size);
        let path = path.display();
        let message =
            format!("`{path}` became shorter while it was read ({found} bytes; it had {had})");
        Err(Error::refused(message).with_hint("restore the file, or start over with `--fresh`"))
    }
}

impl Worker<'_> {
    /// Puts a record that is too long to be held behind the others of its chunk, as a reject; reads it in small blocks.
    fn skip(&self, reader: &WindowReader<'_>, mut skip: Skip, chunk: &mut Chunk) -> Result<()> {
        let start = chunk.end;
        let mut block = vec![0; SKIP_BYTES];
        let mut offset = start;
        let mut kept = Vec::new();
        loop {
            let left = usize::try_from(reader.size - offset).unwrap_or(usize::MAX);
            let length = left.min(SKIP_BYTES);
            reader.read_at(&mut block[..length], offset)?;
            if offset == start {
                kept.extend_from_slice(&block[..length.min(RAW_BYTES_MAX)]);
            }
            let found = skip.feed(&block[..length], length == left);
            offset += found.unwrap_or(length) as u64;
            if found.is_some() {
                break;
            }
        }
        if self.plan.leaves_open && skip.is_open() {
            chunk.is_open = true;
            return Ok(());
        }
        let origin = Origin { record: 0, line: 0, offset: start, length: skip.bytes() };
        let (origin, raw) = (Some(origin), Some(kept));
        let (reason, gravity) = (skip.reason(), Gravity::Reject);
        let rejected = Rejected { row: 0, records: 1, reason, gravity, origin, raw };
        chunk.end = offset;
        chunk.pieces.push(Piece {
            extent: Extent { base: start, start: 0, first_row: 0 },
            end: offset,
            records: 1,
            lines: skip.lines(),
            product: Product::Encoded(Encoded { rejects: vec![rejected], ..Encoded::default() }),
            happened: Happened::Nothing,
        });
        Ok(())
    }
}
