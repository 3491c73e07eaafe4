//! The simulated disk answers every call as the operating system does: what is shown with one holds for the other.

use onward::storage::simulated::SimulatedStorage;
use onward::storage::{Existing, LocalStorage, OpenMode, Privacy, Storage, read_full};
use std::fmt::Debug;
use std::io;
use std::path::Path;

/// What a call answered: its value, or the kind of its error.
fn told<T: Debug>(what: &str, answer: io::Result<T>) -> String {
    match answer {
        Ok(value) => format!("{what}: {value:?}"),
        Err(error) => format!("{what}: {:?}", error.kind()),
    }
}

const MODES: [OpenMode; 5] = [
    OpenMode::ReadInput,
    OpenMode::ReadOwn,
    OpenMode::Modify,
    OpenMode::CreatePrivate,
    OpenMode::CreateShared,
];

/// Opens every kind of thing in every way.
fn opening(storage: &dyn Storage, root: &Path) -> Vec<String> {
    let mut answers = Vec::new();
    for mode in MODES {
        let names =
            ["file", "link", "dangling", "folder", "none", "none/below", "file/below", "far/file"];
        for name in names {
            let what = format!("open {name} {mode:?}");
            let opened = storage.open(&root.join(name), mode);
            answers.push(told(
                &what,
                opened.map(|file| file.metadata().map(|found| found.length).ok()),
            ));
        }
        for made in ["none", "far/new"] {
            _ = storage.remove(&root.join(made));
        }
    }
    answers
}

/// Reads, writes, cuts and extends one file.
fn bytes(storage: &dyn Storage, root: &Path) -> Vec<String> {
    let mut answers = Vec::new();
    let path = root.join("bytes");
    let file = storage.open(&path, OpenMode::CreatePrivate).expect("made");
    let mut note = |what: &str, answer: io::Result<()>| {
        let mut content = vec![0; 40];
        let count = read_full(&*file, &mut content, 0).expect("readable");
        let length = file.metadata().expect("there").length;
        answers.push(format!("{}, {length} bytes: {:?}", told(what, answer), &content[..count]));
    };
    note("write at the start", file.write_at(b"0123456789", 0));
    note("write behind a gap", file.write_at(b"abc", 15));
    note("write over", file.write_at(b"XY", 4));
    note("write nothing", file.write_at(b"", 30));
    note("cut", file.set_length(6));
    note("extend", file.set_length(9));
    note("reserve", file.reserve(4096));
    note("reserve nothing", file.reserve(0));
    note("sync the bytes", file.sync_data());
    note("sync all", file.sync_all());
    file.start_write_back(0..9);
    let mut buffer = [0; 4];
    for offset in [0, 7, 9, 1000] {
        answers.push(told(&format!("read at {offset}"), file.read_at(&mut buffer, offset)));
    }
    let reader = storage.open(&path, OpenMode::ReadOwn).expect("opened");
    answers.push(told("write to what was opened to read", reader.write_at(b"z", 0)));
    answers.push(told("cut what was opened to read", reader.set_length(0)));
    answers.push(told("remove", storage.remove(&path)));
    answers.push(told("write to what has no name", file.write_at(b"still", 0)));
    answers.push(told("links", file.metadata().map(|metadata| metadata.links)));
    answers
}

/// Makes, lists, renames and removes names.
fn naming(storage: &dyn Storage, root: &Path) -> Vec<String> {
    let mut answers = Vec::new();
    let at = |name: &str| root.join(name);
    let make = |name: &str| {
        let file = storage.open(&at(name), OpenMode::CreateShared).expect("made");
        file.write_at(name.as_bytes(), 0).expect("written");
    };
    for name in ["a", "b", "c", "d"] {
        make(name);
    }
    let mut note = |what: &str, answer: io::Result<()>| {
        let names = storage.list(root).expect("listed");
        answers.push(format!("{} {names:?}", told(what, answer)));
    };
    use Existing::{Keep, Replace};
    note("rename to a free name", storage.rename(&at("a"), &at("e"), Keep));
    note("rename to a taken name", storage.rename(&at("b"), &at("e"), Keep));
    note("replace", storage.rename(&at("b"), &at("e"), Replace));
    note("rename what is not there", storage.rename(&at("none"), &at("f"), Keep));
    note("replace by what is not there", storage.rename(&at("none"), &at("f"), Replace));
    note("rename into a folder that is not there", storage.rename(&at("c"), &at("none/c"), Keep));
    note("rename into a file", storage.rename(&at("c"), &at("d/c"), Keep));
    note("rename to itself", storage.rename(&at("c"), &at("c"), Keep));
    note("replace itself", storage.rename(&at("c"), &at("c"), Replace));
    note("rename onto a folder", storage.rename(&at("c"), &at("folder"), Replace));
    note("rename to a folder", storage.rename(&at("c"), &at("folder"), Keep));
    note("rename to a link", storage.rename(&at("c"), &at("dangling"), Keep));
    note("move into a folder", storage.rename(&at("c"), &at("folder/c"), Keep));
    note("remove", storage.remove(&at("d")));
    note("remove again", storage.remove(&at("d")));
    note("remove a link", storage.remove(&at("dangling")));
    note("remove below a file", storage.remove(&at("file/below")));
    note("sync the folder", storage.sync_directory(root));
    note("sync a file as a folder", storage.sync_directory(&at("file")));
    note("sync what is not there", storage.sync_directory(&at("none")));
    note("make a folder", storage.create_directory(&at("x/y/z"), Privacy::Private));
    note("make it again", storage.create_directory(&at("x/y/z"), Privacy::Private));
    note("make a folder below a file", storage.create_directory(&at("file/z"), Privacy::Shared));
    note("make a folder where a file is", storage.create_directory(&at("file"), Privacy::Shared));
    for name in ["file", "folder", "link", "x", "x/y", "x/y/z", "none", "file/below", "none/below"]
    {
        let found = storage.metadata(&at(name));
        // How long a folder or a link is, is up to the file system.
        let plain = found.map(|found| (found.kind, found.is_ours));
        answers.push(told(&format!("look at {name}"), plain));
    }
    let mode = |name: &str| storage.metadata(&at(name)).map(|metadata| metadata.mode);
    answers.push(told("mode of a private folder", mode("x/y/z")));
    let file = storage.open(&at("private"), OpenMode::CreatePrivate);
    drop(file);
    answers.push(told("mode of a private file", mode("private")));
    answers.push(told("list a file", storage.list(&at("file"))));
    answers.push(told("list what is not there", storage.list(&at("none"))));
    answers.push(told("list a folder", storage.list(&at("folder"))));
    answers
}

/// Takes locks and lets go of them.
fn locking(storage: &dyn Storage, root: &Path) -> Vec<String> {
    let path = root.join("LOCK");
    let is_held =
        |answer: io::Result<Option<onward::storage::Lock>>| answer.map(|lock| lock.is_some());
    let mut answers = Vec::new();
    let first = storage.lock(&path);
    answers.push(told(
        "take",
        first.as_ref().map(Option::is_some).map_err(|error| error.kind().into()),
    ));
    answers.push(told("take what is held", is_held(storage.lock(&path))));
    drop(first);
    answers.push(told("take what was let go", is_held(storage.lock(&path))));
    answers.push(told(
        "its file stays",
        storage.metadata(&path).map(|found| (found.mode, found.length)),
    ));
    for name in ["folder", "link", "none/LOCK"] {
        answers.push(told(&format!("lock {name}"), is_held(storage.lock(&root.join(name)))));
    }
    answers
}

type Script = fn(&dyn Storage, &Path) -> Vec<String>;

#[test]
fn the_simulated_disk_answers_as_the_operating_system_does() {
    let scripts: [(&str, Script); 4] =
        [("opening", opening), ("bytes", bytes), ("naming", naming), ("locking", locking)];
    let mut calls = 0;
    for (name, script) in scripts {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        std::fs::create_dir(root.join("folder")).expect("a folder");
        std::fs::create_dir(root.join("real")).expect("a folder");
        std::fs::write(root.join("real/file"), b"far").expect("a file");
        std::fs::write(root.join("file"), b"content").expect("a file");
        for (link, target) in [("link", "file"), ("dangling", "nowhere"), ("far", "real")] {
            std::os::unix::fs::symlink(target, root.join(link)).expect("a link");
        }
        let disk = SimulatedStorage::new();
        let twin = Path::new("/root");
        disk.put_directory(twin.join("folder"), 0o755);
        disk.put_file(twin.join("real/file"), b"far");
        disk.put_file(twin.join("file"), b"content");
        for (link, target) in [("link", "file"), ("dangling", "nowhere"), ("far", "real")] {
            disk.put_link(twin.join(link), target);
        }
        let (real, simulated) = (script(&LocalStorage, root), script(&disk, twin));
        calls += real.len();
        let pairs = real.iter().zip(&simulated);
        let differ: Vec<_> = pairs.filter(|(real, simulated)| real != simulated).collect();
        assert!(differ.is_empty(), "{name}: {differ:#?}");
        assert_eq!(real.len(), simulated.len(), "{name}");
    }
    crate::support::report::count(&format!(
        "contract: {calls} answers of the simulated disk are those of the operating system"
    ));
    assert!(calls > 100);
}
