//! Globs over a small tree.

use super::*;
use crate::error::Kind;
use crate::source::memory::Memory;

const TREE: [&str; 9] = [
    "/job/orders/b.csv",
    "/job/orders/a.csv",
    "/job/orders/a.txt",
    "/job/orders/.a.csv",
    "/job/orders/old/c.csv",
    "/job/orders/old/.x/d.csv",
    "/job/late.csv",
    "/job/odd[1].csv",
    "/else/e.csv",
];

fn check(patterns: &[&str], expected: Result<&[&str], &str>) {
    let memory = Memory::with(&TREE);
    let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    let found = discover(&memory, Path::new("/job"), &patterns);
    match (found, expected) {
        (Ok(found), Ok(expected)) => {
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(found, expected, "{patterns:?}");
        }
        (Err(error), Err(message)) => {
            let is_missing = message.ends_with("does not exist") || message.starts_with("no file");
            let kind = if is_missing { Kind::NoInput } else { Kind::Usage };
            assert_eq!((error.kind, error.to_string().as_str()), (kind, message));
            assert!(error.hint.is_some() || error.cause.is_some());
        }
        (found, _) => panic!("{patterns:?}: {found:?}"),
    }
}

#[test]
fn globs_are_sorted_and_the_list_keeps_its_order() {
    check(
        &["late.csv", "orders/*.csv"],
        Ok(&["/job/late.csv", "/job/orders/a.csv", "/job/orders/b.csv"]),
    );
    check(
        &["**/*.csv"],
        Ok(&[
            "/job/late.csv",
            "/job/odd[1].csv",
            "/job/orders/a.csv",
            "/job/orders/b.csv",
            "/job/orders/old/c.csv",
        ]),
    );
    check(
        &["orders/**"],
        Ok(&[
            "/job/orders/a.csv",
            "/job/orders/a.txt",
            "/job/orders/b.csv",
            "/job/orders/old/c.csv",
        ]),
    );
    check(&["*/old/c.csv"], Ok(&["/job/orders/old/c.csv"]));
    check(&["orders/.*.csv"], Ok(&["/job/orders/.a.csv"]));
    check(&["orders/[!a].csv"], Ok(&["/job/orders/b.csv"]));
    check(&["/else/?.csv"], Ok(&["/else/e.csv"]));
}

#[test]
fn a_name_that_exists_is_no_glob() {
    check(&["odd[1].csv"], Ok(&["/job/odd[1].csv"]));
}

#[test]
fn what_names_nothing_is_an_error() {
    check(&["gone.csv"], Err("input `/job/gone.csv` does not exist"));
    check(&["orders/*.json"], Err("no file matches input `orders/*.json`"));
    check(&["orders"], Err("input `orders` is a folder"));
    check(&["late.csv", "*.csv"], Err("input `/job/late.csv` is named twice"));
    check(
        &["a***b"],
        Err("input `a***b` is not a valid glob: Pattern syntax error near position 3: \
             wildcards are either regular `*` or recursive `**`"),
    );
}
