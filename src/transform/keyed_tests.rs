//! Steps that keep state per key and in order, over random records: neither how these are split into batches nor where
//! the state was written and read may change anything.

mod forgetting;

use super::settings::{
    AggregateSettings, DedupSettings, EmptyText, FillSettings, FillWith, FrequencySettings,
    GroupOrder, Keep, Late, SessionizeSettings, TopSettings, TransformKind, TransformSettings, Ttl,
    TumbleSettings, WINDOW_MEMORY_BYTES, WindowSettings, Windows,
};
use super::spills::{MemorySpills, Spills};
use super::stateful::NARROW;
use super::{Chain, Output, Snapshot, States, Tools};
use crate::error::Sql;
use crate::record::{
    Batch, Column, DataType, Field, Layout, RawRecords, Slot, SlotOrigin, Slots, Validity, Values,
};
use crate::state::{Stored, Writer};
use std::sync::Arc;

/// The records: key, number, time in seconds.
type Record = (Option<i64>, Option<i64>, Option<i64>);

/// Everything that came of some records.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    rows: Vec<Vec<Stored>>,
    /// By the record that they come from.
    rejects: Vec<(usize, String)>,
    filtered: u64,
    remarks: Vec<String>,
}

/// Batches here hold computed columns only.
pub(super) struct NoFormat {
    pub slots: usize,
    pub spills: MemorySpills,
    pub memory: Option<u64>,
    pub gives_again: bool,
}

impl Tools for NoFormat {
    fn fill(&self, _batch: &mut Batch, _slots: &[Slot]) {}

    fn recut(&self, _records: Vec<u8>) -> RawRecords {
        RawRecords::None
    }

    fn spills(&self) -> &dyn Spills {
        &self.spills
    }

    fn memory(&self) -> Option<u64> {
        self.memory
    }

    fn gives_again(&self) -> bool {
        self.gives_again
    }

    fn slots(&self) -> usize {
        self.slots
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn maybe(&mut self, limit: i64, from: i64) -> Option<i64> {
        let limit = limit.unsigned_abs();
        (self.below(8) > 0).then(|| from + self.below(limit).cast_signed())
    }

    fn records(&mut self, count: i64) -> Vec<Record> {
        (0..count).map(|at| (self.maybe(4, 0), self.maybe(9, -4), self.maybe(60, at * 5))).collect()
    }
}

fn sqls(texts: &[&str]) -> Vec<Sql> {
    texts.iter().map(|text| Sql::unplaced(*text)).collect()
}

fn steps() -> Vec<Vec<TransformKind>> {
    let sql = |text: &str| Sql::unplaced(text);
    let dedup = |keep, mark: Option<&str>| {
        let (key, mark) = (sqls(&["k", "n"]), mark.map(sql));
        TransformKind::Dedup(DedupSettings { key, keep, mark, ttl: None, place: 0..0 })
    };
    let tumble = |late| {
        TransformKind::Tumble(TumbleSettings {
            by: sqls(&["k"]),
            time: sql("t"),
            select: sqls(&["count(*) AS c", "sum(n) AS s", "min(10 // n) AS d", "first(n) AS f"]),
            having: Some(sql("c <> 3")),
            windows: Windows { size: 60_000_000, offset: 7_000_000, lateness: 20_000_000 },
            names: [sql("from"), sql("to")],
            late,
        })
    };
    let session = || {
        TransformKind::Sessionize(SessionizeSettings {
            by: sqls(&["k"]),
            time: sql("t"),
            gap_micros: 15_000_000,
            number: sql("session"),
            start: Some(sql("began")),
        })
    };
    let top = || {
        let (by, order) = (sqls(&["k"]), sqls(&["n DESC", "t NULLS FIRST"]));
        TransformKind::Top(TopSettings { by, order, records: 3 })
    };
    let others = vec![
        vec![dedup(Keep::First, None)],
        vec![dedup(Keep::First, Some("again")), TransformKind::Filter(sql("NOT again OR n > 0"))],
        vec![dedup(Keep::Last, None)],
        vec![groups(GroupOrder::FirstSeen)],
        vec![groups(GroupOrder::Key)],
        vec![of_values(&[], GroupOrder::FirstSeen)],
        vec![of_values(&["k"], GroupOrder::Key)],
        vec![frequency(GroupOrder::Count, Some(9))],
        vec![frequency(GroupOrder::Key, None)],
        vec![timed(None)],
        vec![timed(Some("again"))],
        vec![session()],
        vec![fill_down(None)],
        vec![fill_down(Some(half_a_minute()))],
        vec![top()],
        vec![tumble(Late::Reject)],
        vec![tumble(Late::Drop)],
        vec![tumble(Late::Drop), top_of_windows()],
    ];
    [others, windows()].concat()
}

fn windows() -> Vec<Vec<TransformKind>> {
    let window = |items: &[&str]| {
        let (by, compute) = (sqls(&["k"]), sqls(items));
        TransformKind::Window(WindowSettings {
            by,
            compute,
            memory_bytes: WINDOW_MEMORY_BYTES,
            ttl: None,
        })
    };
    let back =
        ["sum(n) AS s", "avg(n) AS a", "lag(n, 2, 0) AS l", "first_value(n) AS f", "max(t) AS m"];
    let moving =
        ["moving_sum(n, 3) AS s", "moving_min(n, 4) AS m", "ewma(n, 0.3) AS e", "count(n) AS c"];
    let moving_doubles = [
        "moving_avg(n / 7.0, 3) AS a",
        "sum(n::double / 3) AS s",
        "last_value(n IGNORE NULLS) AS v",
    ];
    let ahead = ["lead(n, 2, -1) AS l", "sum(n) AS s", "lead(t) - t AS d", "10 // lead(n) AS q"];
    vec![
        vec![window(&back)],
        vec![window(&moving)],
        vec![window(&moving_doubles)],
        vec![window(&ahead)],
        vec![window(&ahead), TransformKind::Limit(25)],
        vec![forgetful(&[&back[..], &moving_doubles].concat())],
        vec![forgetful(&moving)],
        vec![forgetful(&ahead)],
        vec![forgetful(&[
            "lead(n, 2, -1) AS l",
            "sum(CAST(n || repeat('0', 37) AS decimal(38,0))) AS s",
        ])],
    ]
}

fn fill_down(ttl: Option<Ttl>) -> TransformKind {
    let (columns, with) = (sqls(&["n", "t"]), FillWith::Down { by: sqls(&["k"]), ttl });
    TransformKind::Fill(FillSettings { columns, with, empty: EmptyText::Value })
}

fn half_a_minute() -> Ttl {
    Ttl { time: Sql::unplaced("t"), micros: 30_000_000 }
}

/// A window that forgets keys.
fn forgetful(items: &[&str]) -> TransformKind {
    TransformKind::Window(WindowSettings {
        by: sqls(&["k"]),
        compute: sqls(items),
        memory_bytes: WINDOW_MEMORY_BYTES,
        ttl: Some(half_a_minute()),
    })
}

fn timed(mark: Option<&str>) -> TransformKind {
    let (key, mark) = (sqls(&["k"]), mark.map(Sql::unplaced));
    let ttl = Some(half_a_minute());
    TransformKind::Dedup(DedupSettings { key, keep: Keep::First, mark, ttl, place: 0..0 })
}

fn groups(order: GroupOrder) -> TransformKind {
    TransformKind::Aggregate(AggregateSettings {
        by: sqls(&["k", "n"]),
        select: sqls(&["count(*) AS c", "sum(n) AS s", "list(t) AS l", "count(DISTINCT t) AS d"]),
        having: Some(Sql::unplaced("c <> 2")),
        order,
    })
}

/// Calls that remember each different value.
fn of_values(by: &[&str], order: GroupOrder) -> TransformKind {
    let select = [
        "count(*) AS c",
        "count(DISTINCT n) AS d1",
        "sum(DISTINCT n) AS d2",
        "avg(DISTINCT n / 7.0) AS d3",
        "list(DISTINCT n) AS d4",
        "list(DISTINCT t ORDER BY t DESC) AS d5",
        "string_agg(DISTINCT n::text, '-') AS d6",
        "first(DISTINCT k) AS d7",
        "last(DISTINCT t) AS d8",
        "any_value(DISTINCT n) FILTER (WHERE n > 0) AS d9",
        "arg_min(DISTINCT t, n) AS d10",
        "stddev(DISTINCT n) AS d11",
        "mode(n) AS m1",
        "mode(t) AS m2",
        "top_k(n, 3) AS m3",
        "median(n) AS m4",
        "histogram(n) AS m5",
        "entropy(k) AS m6",
    ];
    TransformKind::Aggregate(AggregateSettings {
        by: sqls(by),
        select: sqls(&select),
        having: None,
        order,
    })
}

fn frequency(order: GroupOrder, top: Option<u64>) -> TransformKind {
    let (name, share) = ("c".to_owned(), Some("part".to_owned()));
    TransformKind::Frequency(FrequencySettings { by: sqls(&["n"]), name, share, top, order })
}

fn top_of_windows() -> TransformKind {
    let order = sqls(&["s DESC"]);
    TransformKind::Top(TopSettings { by: sqls(&["k"]), order, records: 2 })
}

/// A bound chain over the records, with what runs it.
struct Bench {
    chain: Chain,
    tools: NoFormat,
}

impl Bench {
    fn new(kinds: Vec<TransformKind>) -> Bench {
        let mut slots = Slots::default();
        let mut fields = Vec::new();
        for (name, data_type) in
            [("k", DataType::Bigint), ("n", DataType::Bigint), ("t", DataType::Timestamp)]
        {
            let slot = slots.add(name, data_type, SlotOrigin::Computed);
            fields.push(Field { name: name.to_owned(), data_type, slot });
        }
        let name = |(index, kind): (usize, TransformKind)| TransformSettings {
            name: format!("step {index}"),
            kind,
        };
        let settings: Vec<TransformSettings> = kinds.into_iter().enumerate().map(name).collect();
        let layout = Layout::closed(fields);
        let chain = Chain::bind(&settings, layout, &mut slots, 0, &[]).expect("a sound chain");
        let (slots, spills) = (slots.infos.len(), MemorySpills::default());
        Bench { chain, tools: NoFormat { slots, spills, memory: None, gives_again: false } }
    }

    fn batch(&self, records: &[Record]) -> Batch {
        let mut batch = Batch::new(RawRecords::None, records.len(), self.tools.slots);
        let mut fill = |slot, values: Vec<Option<i64>>, data_type| {
            let plain = values.iter().map(|value| value.unwrap_or(0)).collect();
            let values_of = match data_type {
                DataType::Bigint => Values::Bigint(plain),
                _ => Values::Timestamp(plain),
            };
            let validity = Validity::from_flags(values.iter().map(Option::is_some).collect());
            batch.fill(Slot(slot), Arc::new(Column { validity, ..Column::new(values_of) }));
        };
        fill(0, records.iter().map(|(k, ..)| *k).collect(), DataType::Bigint);
        fill(1, records.iter().map(|(_, n, _)| *n).collect(), DataType::Bigint);
        let seconds = |(_, _, t): &Record| t.map(|t| t * 1_000_000);
        fill(2, records.iter().map(seconds).collect(), DataType::Timestamp);
        batch
    }

    /// Freezes all states, as a whole or what changed, and reads them from the bytes so far.
    fn reborn(&self, states: &mut States, saved: &mut Vec<Vec<Vec<u8>>>, is_all_asked: bool) {
        saved.resize(states.len(), Vec::new());
        for (step, state) in states.iter_mut().enumerate() {
            let Some(frozen) = state else { continue };
            let parts = &mut saved[step];
            let is_all_asked = is_all_asked || parts.is_empty();
            let snapshot = self.chain.freeze_state(step, frozen, is_all_asked, &self.tools);
            let (is_all, bytes) = bytes_of(&snapshot.expect("memory does not fail"));
            assert!(is_all || !is_all_asked, "everything was asked for");
            if is_all {
                parts.clear();
            }
            parts.push(bytes);
            let read = self.chain.read_state(step, &parts[0], NARROW, &self.tools);
            let mut read = read.expect("what was written");
            for part in &parts[1..] {
                let extended = self.chain.extend_state(step, &mut read, part, NARROW, &self.tools);
                extended.expect("what was written");
            }
            *state = Some(read);
        }
    }

    /// `record_of` says which record a row of the chunk was.
    fn collect(&self, output: Output, record_of: impl Fn(usize) -> usize, outcome: &mut Outcome) {
        let mut rejects = Vec::new();
        for batch in output.batches {
            for row in &batch.selection {
                let cell = |field: &Field| Stored::of(batch.column(field.slot), *row as usize);
                outcome.rows.push(self.chain.layout.fields.iter().map(cell).collect());
            }
            let reject =
                |one: &crate::record::Reject| (record_of(one.row as usize), one.reason.to_string());
            rejects.extend(batch.rejects.iter().map(reject));
            outcome.filtered += batch.filtered.count;
        }
        rejects.sort_by_key(|(record, _)| *record);
        outcome.rejects.extend(rejects);
    }

    /// Runs batches of these sizes; `reborn` says whether states are written and read behind each.
    fn run(&self, records: &[Record], sizes: &mut dyn FnMut() -> usize, reborn: bool) -> Outcome {
        let mut states = self.chain.new_states();
        let mut outcome = Outcome::default();
        let mut saved = Vec::new();
        let mut times = 0;
        let mut be_reborn = |states: &mut States| {
            times += 1;
            self.reborn(states, &mut saved, times % 7 == 0);
        };
        let mut done = 0;
        while done < records.len() && !self.chain.is_full(&states) {
            let end = (done + sizes().max(1)).min(records.len());
            let batch = self.batch(&records[done..end]);
            let output = match self.chain.run_stateless(batch, 0, &self.tools) {
                Ok(_) => panic!("the first step keeps a state"),
                Err(staged) => self.chain.run_ordered(*staged, &mut states, &self.tools),
            };
            self.collect(output.expect("enough memory"), |row| done + row, &mut outcome);
            done = end;
            if reborn {
                be_reborn(&mut states);
            }
        }
        while let Some(output) =
            self.chain.drain(&mut states, sizes().max(1), &self.tools).expect("held records")
        {
            self.collect(output, |_| records.len(), &mut outcome);
            if reborn {
                be_reborn(&mut states);
            }
        }
        outcome.remarks = self.chain.remarks(&states);
        outcome
    }
}

/// Whether a snapshot is of everything, and its bytes.
fn bytes_of(snapshot: &Snapshot) -> (bool, Vec<u8>) {
    let (is_all, frozen) = match snapshot {
        Snapshot::Whole(frozen) => (true, frozen),
        Snapshot::Changes(frozen) => (false, frozen),
    };
    let mut out = Writer::narrow();
    frozen.write(&mut out);
    (is_all, out.bytes)
}

#[test]
fn any_split_into_batches_with_any_stops_gives_the_same() {
    let mut dice = Dice(7);
    for (index, kinds) in steps().into_iter().enumerate() {
        let is_limited = kinds.iter().any(|kind| matches!(kind, TransformKind::Limit(_)));
        let mut bench = Bench::new(kinds);
        for _ in 0..6 {
            let records = dice.records(90);
            bench.tools.memory = None;
            let mut expected = bench.run(&records, &mut || records.len(), false);
            assert!(!expected.rows.is_empty());
            for most in [1, 5, 40] {
                let mut sizes = || usize::try_from(dice.below(most + 1)).expect("few");
                // States that can spill do so after each batch.
                bench.tools.memory = (most < 40).then_some(1);
                let mut found = bench.run(&records, &mut sizes, most < 40);
                if is_limited {
                    // The engine forgets what lies behind the last record that mattered.
                    (expected.filtered, found.filtered) = (0, 0);
                    expected.rejects.clear();
                    found.rejects.clear();
                }
                assert_eq!(found, expected, "chain {index}");
            }
        }
    }
}

#[test]
fn what_is_recalled_of_many_keys_is_the_same_however_little_memory_there_is() {
    let mut dice = Dice(23);
    let is_meant = |kinds: &Vec<TransformKind>| {
        use TransformKind::{Fill, Sessionize, Window};
        match &kinds[..] {
            [Window(_) | Fill(_) | Sessionize(_)] => true,
            [TransformKind::Dedup(dedup)] => dedup.keep == Keep::Last,
            [TransformKind::Top(_)] => true,
            _ => false,
        }
    };
    for kinds in steps().into_iter().filter(is_meant) {
        let mut bench = Bench::new(kinds);
        for _ in 0..8 {
            let keys = 1 + dice.below(400).cast_signed();
            let record = |at: i64| (dice.maybe(keys, 0), dice.maybe(9, -4), Some(at));
            let records: Vec<Record> = (0..2_000).map(record).collect();
            bench.tools.memory = None;
            let expected = bench.run(&records, &mut || records.len(), false);
            bench.tools.memory = Some(1 << dice.below(18));
            let most = 1 + dice.below(500);
            let mut sizes = || usize::try_from(dice.below(most)).expect("few");
            let found = bench.run(&records, &mut sizes, true);
            assert_eq!(found.rows, expected.rows, "{keys} keys, {:?}", bench.tools.memory);
            assert_eq!(found.rejects, expected.rejects, "{keys} keys");
            assert_eq!(found.filtered, expected.filtered, "{keys} keys");
        }
    }
}

#[test]
fn records_that_come_when_groups_were_given_already_are_taken_in() {
    let mut dice = Dice(11);
    let last = || {
        let (key, place) = (sqls(&["k"]), 0..0);
        TransformKind::Dedup(DedupSettings { key, keep: Keep::Last, mark: None, ttl: None, place })
    };
    let best = || {
        let (by, order) = (sqls(&["k"]), sqls(&["n"]));
        TransformKind::Top(TopSettings { by, order, records: 2 })
    };
    for (kind, given) in [
        (groups(GroupOrder::FirstSeen), 1),
        (groups(GroupOrder::Key), 40),
        (groups(GroupOrder::Key), 2),
        (last(), 1),
        (last(), 2),
        (last(), 9),
        (best(), 1),
        (best(), 7),
    ] {
        let mut bench = Bench::new(vec![kind.clone()]);
        let records = dice.records(90);
        let expected = bench.run(&records, &mut || 90, false);
        (bench.tools.memory, bench.tools.gives_again) = (Some(1), true);
        let (mut states, mut outcome) = (bench.chain.new_states(), Outcome::default());
        for part in records.chunks(30) {
            outcome = Outcome::default();
            let staged = bench.chain.run_stateless(bench.batch(part), 0, &bench.tools);
            let staged = staged.expect_err("the first step keeps a state");
            let output = bench.chain.run_ordered(*staged, &mut states, &bench.tools);
            bench.collect(output.expect("enough memory"), |row| row, &mut Outcome::default());
            for _ in 0..given {
                bench.chain.drain(&mut states, 8, &bench.tools).expect("held records");
            }
            bench.chain.begin_again(&mut states, &bench.tools);
        }
        while let Some(output) = bench.chain.drain(&mut states, 8, &bench.tools).expect("held") {
            bench.collect(output, |row| row, &mut outcome);
        }
        assert_eq!(outcome.rows, expected.rows, "{kind:?}, {given} times");
    }
}

#[test]
fn every_example_of_a_window_function_gives_its_results() {
    for doc in crate::expr::window::all() {
        let compute = vec![Sql::unplaced(format!("{} AS r", doc.example))];
        let bench = Bench::new(vec![
            TransformKind::Select(sqls(&["n AS x"])),
            TransformKind::Window(WindowSettings {
                by: Vec::new(),
                compute,
                memory_bytes: WINDOW_MEMORY_BYTES,
                ttl: None,
            }),
            TransformKind::Select(sqls(&["coalesce(CAST(r AS text), 'NULL') AS r"])),
        ]);
        let record = |text: &&str| (None, text.parse().ok(), None);
        let records: Vec<Record> = crate::expr::window::EXAMPLE_ROWS.iter().map(record).collect();
        let outcome = bench.run(&records, &mut || 1, true);
        let text = |row: &Vec<Stored>| match &row[0] {
            Stored::Text(text) => String::from_utf8_lossy(text).into_owned(),
            other => panic!("{other:?} is no text"),
        };
        let found: Vec<String> = outcome.rows.iter().map(text).collect();
        assert_eq!(found.join(" "), doc.result, "{}", doc.example);
    }
}

#[test]
fn damaged_states_are_refused_or_harmless() {
    let mut dice = Dice(3);
    let in_memory = steps().into_iter().map(|kinds| (kinds, None));
    let everything = vec![of_values(&[], GroupOrder::FirstSeen)];
    for (kinds, memory) in in_memory.chain([(everything, Some(1))]) {
        let mut bench = Bench::new(kinds);
        // Spills that are given again are not forgotten.
        (bench.tools.memory, bench.tools.gives_again) = (memory, memory.is_some());
        let records = dice.records(40);
        let mut states = bench.chain.new_states();
        let batch = bench.batch(&records);
        if let Err(staged) = bench.chain.run_stateless(batch, 0, &bench.tools) {
            bench.chain.run_ordered(*staged, &mut states, &bench.tools).expect("enough memory");
        }
        let state = states[0].as_mut().expect("the first step keeps a state");
        let frozen = bench.chain.freeze_state(0, state, true, &bench.tools);
        let (_, bytes) = bytes_of(&frozen.expect("memory does not fail"));
        let is_read = |length: &usize| {
            bench.chain.read_state(0, &bytes[..*length], NARROW, &bench.tools).is_ok()
        };
        let read: Vec<usize> = (0..bytes.len()).filter(is_read).collect();
        // What nothing was spilled of ends earlier, and so does what an earlier version spilled.
        let layouts = if memory.is_some() { 2 } else { 0 };
        assert_eq!(read.len(), layouts, "{read:?} of {} bytes", bytes.len());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << dice.below(8);
            if let Ok(read) = bench.chain.read_state(0, &damaged, NARROW, &bench.tools) {
                // Checkpoints have checksums; what gets past them must still not bring the program down.
                states[0] = Some(read);
                while let Ok(Some(_)) = bench.chain.drain(&mut states, 7, &bench.tools) {}
            }
        }
    }
}
