//! Files that somebody made who knows the format: right digests around wrong contents.

use super::ends::Header;
use super::fields::masked_crc;
use super::table::{CRITICAL, MANIFEST};
use super::tests::{NUMBER, PARENT, encoded, file, limits, reason, resealed, table_start};
use super::*;
use crate::checkpoint::samples;
use crate::storage::clock::{Clock, SimulatedClock};

/// The valid file with some bytes replaced and the digests made right again.
fn forged(at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = file();
    bytes[at..at + with.len()].copy_from_slice(with);
    resealed(bytes)
}

#[test]
fn what_comes_from_the_future_is_named_as_such() {
    let version = |version: u16| forged(8, &version.to_le_bytes());
    assert_eq!(reason(&version(2)), Invalid::NewerVersion { version: 2 });
    assert_eq!(reason(&version(u16::MAX)), Invalid::NewerVersion { version: u16::MAX });
    assert_eq!(reason(&version(0)), Invalid::Malformed { what: "format version 0" });
    for bit in 0..32 {
        let bits = 1_u32 << bit;
        assert_eq!(reason(&forged(12, &bits.to_le_bytes())), Invalid::UnknownFeatures { bits });
        assert!(decode(&forged(16, &bits.to_le_bytes()), &limits()).is_ok(), "compatible {bit}");
    }
    let table = table_start(&file());
    let id = CRITICAL | 77;
    assert_eq!(reason(&forged(table, &id.to_le_bytes())), Invalid::UnknownSection { id });
    assert_eq!(reason(&forged(table + 4, &[9])), Invalid::UnknownCodec { codec: 9 });
    let newer_manifest = forged(table + 8, &2_u32.to_le_bytes());
    assert_eq!(reason(&newer_manifest), Invalid::UnknownSection { id: MANIFEST });
}

#[test]
fn an_unknown_section_that_is_not_critical_is_passed_over() {
    let bytes = file();
    let second = table_start(&bytes) + 40 + "manifest".len();
    let forged = forged(second, &77_u32.to_le_bytes());
    let decoded = decode(&forged, &limits()).expect("valid");
    assert_eq!(decoded.checkpoint.sections.len(), 9);
}

fn over(what: &'static str, found: u64, max: u64) -> Invalid {
    Invalid::OverLimit { what, found, max }
}

fn malformed(what: &'static str) -> Invalid {
    Invalid::Malformed { what }
}

const HUGE: [u8; 8] = [255; 8];

/// Each place of the valid file, overwritten, must lead to this refusal.
fn check(cases: &[(usize, &[u8], Invalid)]) {
    for (at, with, expected) in cases {
        assert_eq!(reason(&forged(*at, with)), *expected, "{with:?} at {at}");
    }
}

#[test]
fn absurd_numbers_at_the_ends_are_refused() {
    let length = file().len() as u64;
    let trailer = file().len() - TRAILER_BYTES;
    let many = over("the number of sections", u32::MAX.into(), SECTIONS_MAX.into());
    let longer = Invalid::LengthDiffers { stated: u64::MAX, found: length };
    let kind = "an unknown kind of checkpoint";
    let parent = "a delta needs a parent and a base none";
    let table = "the section table is longer than the file";
    check(&[
        (10, &[1], malformed(parent)),
        (10, &[2], malformed(kind)),
        (11, &[1], malformed(kind)),
        (20, &HUGE[..4], many),
        (20, &[0; 4], malformed("the sections do not fill the file")),
        (20, &[255, 0, 0, 0], malformed("the section table is cut off")),
        (24, &[0; 8], malformed("sequence number 0")),
        (24, &HUGE, Invalid::TrailerDiffers),
        (48, &HUGE, longer),
        (trailer, &HUGE, malformed(table)),
        (trailer + 8, &HUGE, Invalid::TrailerDiffers),
        (trailer + 16, &HUGE, Invalid::TrailerDiffers),
        (trailer + 24, &HUGE, malformed(parent)),
    ]);
    let small = Limits { file_bytes_max: 100, ..limits() };
    let invalid = decode(&file(), &small).expect_err("too long");
    assert_eq!(invalid, over("its length in bytes", length, 100));
}

#[test]
fn absurd_entries_of_the_table_are_refused() {
    let table = table_start(&file());
    let second = table + 40 + "manifest".len();
    let name = "a section has no printable name";
    let orphan = "a section holds changes and there is no parent";
    check(&[
        (table + 5, &[2], malformed("an unknown form of section")),
        (second + 5, &[1], malformed(orphan)),
        (table + 6, &[0, 0], malformed(name)),
        (table + 6, &[255, 255], malformed("the section table is cut off")),
        (table + 12, &[1], malformed("a reserved field is used")),
        (table + 16, &HUGE, malformed("the sections do not fill the file")),
        (table + 24, &HUGE, over("the decompressed length", u64::MAX, 1 << 20)),
        // The names of the last two are `g` and `h`.
        (file().len() - TRAILER_BYTES - 1, b"g", malformed("two sections have one name")),
        (table + 40, &[7], malformed(name)),
        (table + 40, &[255], malformed("a name is not UTF-8")),
    ]);
}

#[test]
fn a_checkpoint_cannot_build_on_itself_or_a_later_one() {
    for number in [7, 8, u64::MAX] {
        let sequence = Sequence(number);
        let parent = CheckpointId { sequence, ..PARENT };
        let bytes = encoded(&samples::delta(7, parent));
        assert_eq!(reason(&bytes), Invalid::ParentNotOlder { parent: sequence });
    }
}

/// A file whose only state is stored as the given bytes, said to decompress to `raw_length` bytes
/// of `raw`.
fn with_frame(stored: &[u8], raw_length: u64, raw: &[u8]) -> Vec<u8> {
    let one = Checkpoint { sections: vec![], ..samples::base(7) };
    let bytes = encoded(&one);
    let table_at = table_start(&bytes);
    let trailer = bytes.len() - TRAILER_BYTES;
    let mut table = bytes[table_at..trailer].to_vec();
    let entry = Entry {
        id: table::STATE,
        codec: CODEC_ZSTD,
        form: Form::Base,
        version: 1,
        stored_length: stored.len() as u64,
        raw_length,
        stored_digest: masked_crc(&[stored]),
        raw_digest: masked_crc(&[raw]),
        name: "state".into(),
    };
    entry.encode(&mut table).expect("an entry");
    let mut file = [&bytes[..table_at], stored, &table, &bytes[trailer..]].concat();
    let length = (file.len() as u64).to_le_bytes();
    file[20..24].copy_from_slice(&2_u32.to_le_bytes());
    file[48..56].copy_from_slice(&length);
    let trailer = file.len() - TRAILER_BYTES;
    file[trailer..trailer + 8].copy_from_slice(&(table.len() as u64).to_le_bytes());
    file[trailer + 8..trailer + 16].copy_from_slice(&length);
    resealed(file)
}

#[test]
fn a_section_is_exactly_one_frame_of_exactly_its_length() {
    let frame = |raw: &[u8]| {
        let mut stored = Vec::new();
        frame::append(&mut stored, |take| take(raw));
        stored
    };
    let raw = b"some state".repeat(50);
    let good = frame(&raw);
    let length = raw.len() as u64;
    assert!(decode(&with_frame(&good, length, &raw), &limits()).is_ok());
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4][..], &good].concat();
    let bomb = frame(&vec![0; 1 << 25]);
    assert!(bomb.len() < 8 << 10);
    let wide_window = [&0xfd2f_b528_u32.to_le_bytes()[..], &[0, (31 - 10) << 3, 1, 0, 0]].concat();
    let bad = Invalid::BadFrame { section: "state".into() };
    let cases = [
        ("nothing", with_frame(&[], 0, &[])),
        ("cut off", with_frame(&good[..good.len() - 1], length, &raw)),
        ("something behind", with_frame(&[&good[..], &[0]].concat(), length, &raw)),
        ("two frames", with_frame(&[&good[..], &good].concat(), length * 2, &raw.repeat(2))),
        ("a skippable frame", with_frame(&skippable, length, &raw)),
        ("shorter than said", with_frame(&good, length + 1, &raw)),
        ("longer than said", with_frame(&good, length - 1, &raw)),
        ("a bomb", with_frame(&bomb, 1000, &[])),
        ("a window of 2 GiB", with_frame(&wide_window, 0, &[])),
        ("no frame", with_frame(b"plain text", 10, b"plain text")),
    ];
    for (what, bytes) in cases {
        assert_eq!(reason(&bytes), bad, "{what}");
    }
    let other = Invalid::RawDigest { section: "state".into() };
    assert_eq!(reason(&with_frame(&good, length, b"other state")), other);
    // A frame of repeated bytes: 1 KiB of it is 32 MiB, and a file as large as any may be is 1 TiB.
    let repeated = |blocks: usize| {
        let header = [&0xfd2f_b528_u32.to_le_bytes()[..], &[0, (17 - 10) << 3]].concat();
        let block = |is_last: u32| ((128_u32 << 10) << 3 | 1 << 1 | is_last).to_le_bytes();
        let block = |is_last| [&block(is_last)[..3], &[0]].concat();
        [header, block(0).repeat(blocks - 1), block(1)].concat()
    };
    let whole = vec![0; 2 * (128 << 10)];
    assert!(decode(&with_frame(&repeated(2), whole.len() as u64, &whole), &limits()).is_ok());
    for blocks in [256, 8 << 20] {
        let bytes = with_frame(&repeated(blocks), 1000, &[]);
        let wide = Limits { file_bytes_max: 64 << 20, ..limits() };
        assert_eq!(decode(&bytes, &wide).expect_err("a bomb"), bad, "{blocks} blocks");
        let bytes = with_frame(&repeated(blocks), (blocks as u64) * (128 << 10), &[]);
        let found = decode(&bytes, &wide).expect_err("a bomb");
        assert!(matches!(found, Invalid::OverLimit { .. }), "{blocks} blocks: {found:?}");
    }
    let claims = with_frame(&bomb, 1 << 40, &[]);
    assert!(matches!(reason(&claims), Invalid::OverLimit { found: 1_099_511_628_000.., .. }));
}

/// The valid file with another manifest.
fn with_manifest(json: &str) -> Vec<u8> {
    let mut stored = Vec::new();
    frame::append(&mut stored, |take| take(json.as_bytes()));
    let mut table = Vec::new();
    let entry = Entry {
        id: MANIFEST,
        codec: CODEC_ZSTD,
        form: Form::Base,
        version: 1,
        stored_length: stored.len() as u64,
        raw_length: json.len() as u64,
        stored_digest: masked_crc(&[&stored]),
        raw_digest: masked_crc(&[json.as_bytes()]),
        name: "manifest".into(),
    };
    entry.encode(&mut table).expect("an entry");
    let length = (HEADER_BYTES + stored.len() + table.len() + TRAILER_BYTES) as u64;
    let header = Header {
        form: Form::Base,
        sections: 1,
        sequence: NUMBER,
        instance: samples::INSTANCE,
        length,
        semantics: 1,
    };
    let trailer = Trailer {
        table_length: table.len() as u64,
        length,
        sequence: NUMBER,
        parent: None,
        table_digest: 0,
        file_digest: 0,
    };
    let open = [&header.encode()[..], &stored, &table, &trailer.encode_open()].concat();
    resealed([&open[..], &[0; 4], &END_MAGIC].concat())
}

#[test]
fn manifests_may_have_more_and_less_than_this_version_writes() {
    let full = serde_json::to_value(samples::manifest(7)).expect("JSON");
    let checked = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = full.clone();
        change(&mut value);
        decode(&with_manifest(&value.to_string()), &limits())
    };
    assert!(checked(&|_| {}).is_ok());
    let more = checked(&|value| {
        value["later"] = serde_json::json!({"a": [1, 2]});
        value["trigger"] = "by-telephone".into();
        value["counters"]["later"] = 1.into();
    });
    let trigger = more.expect("valid").checkpoint.manifest.trigger;
    assert_eq!(trigger, crate::checkpoint::Trigger::Unknown);
    let less = checked(&|value| {
        let fields = value.as_object_mut().expect("an object");
        for name in ["onward_version", "steps", "counters", "header", "taken_at_micros"] {
            fields.remove(name);
        }
    });
    assert_eq!(less.expect("valid").checkpoint.manifest.header, None);
    for name in ["position", "job", "instance", "outputs", "phase"] {
        let without = checked(&|value| {
            value.as_object_mut().expect("an object").remove(name);
        });
        assert!(matches!(without, Err(Invalid::Manifest { .. })), "{name}");
    }
    let foreign = checked(&|value| value["instance"] = "0".repeat(32).into());
    assert_eq!(foreign.expect_err("refused"), Invalid::InstanceDiffers);
}

#[test]
fn hostile_manifests_are_refused() {
    for json in ["", "null", "{}", "[1", &"[".repeat(100_000), "{\"phase\": \"\u{1b}[2J\"}"] {
        let Invalid::Manifest { problem } = reason(&with_manifest(json)) else {
            panic!("another reason");
        };
        assert!(problem.len() <= 800 && !problem.contains('\u{1b}'));
    }
    let many = format!("[{}0]", "0,".repeat(200_000));
    assert!(matches!(reason(&with_manifest(&many)), Invalid::OverLimit { .. }));
}

#[test]
fn random_changes_with_right_digests_never_get_past_the_checks_by_a_panic() {
    let clock = SimulatedClock::new(1);
    let bytes = file();
    let below = |bound: usize| usize::try_from(clock.random() % bound as u64).expect("small");
    for _ in 0..3000 {
        let mut changed = bytes.clone();
        for _ in 0..=below(3) {
            let table = table_start(&bytes);
            let start = if below(2) == 0 { 0 } else { table };
            let at = start + below(bytes.len() - start);
            changed[at] = clock.random().to_le_bytes()[0];
        }
        let _either = decode(&resealed(changed), &limits());
    }
}
