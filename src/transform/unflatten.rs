//! `unflatten`: keys with a separator become objects inside of the record; what `flatten` undoes, and undone by it.
//!
//! ```toml
//! [[transform]]
//! unflatten = { columns = ["user"], separator = "." }
//! ```
//!
//! `{"user.name":"ann","user.age":3}` becomes `{"user":{"name":"ann","age":3}}`. Without `columns` all such keys are taken,
//! else those that begin with one of these. An object stands where its first key stood. A key with an empty part, such as
//! `a..b` or `.a`, stays. A record in which a value stands where an object must be is rejected; an object that is there
//! already gets further members.
//!
//! Behind it a record is a JSON object with whatever keys come, of CSV records, too: columns `user.name` and `user.age`
//! become objects in JSONL output.

use super::Action;
use super::binder::{Binder, Bound};
use super::flatten::Settings;
use super::rewrite::{Member, Reshape, Rewrite, is_object};
use crate::error::Diagnostic;
use crate::record::object::{Members, key_text};
use crate::record::text::write_json_string;

#[derive(Debug)]
struct Unflatten {
    columns: Vec<String>,
    separator: String,
}

/// What stands behind a key.
enum Node<'a> {
    /// A value.
    Value(&'a [u8]),
    /// An object in the making.
    Object(Vec<(String, Node<'a>)>),
}

/// How deep objects are made: as deep as records are read.
const DEPTH_MAX: usize = 128;

/// Binds an `unflatten`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let columns = settings.columns.iter().map(|sql| sql.text.clone()).collect();
    let separator = settings.separator.clone();
    let rewrite = Rewrite::bind(Unflatten { columns, separator }, binder);
    Ok(Bound { reads: rewrite.reads(), action: Action::stateless(rewrite) })
}

impl Reshape for Unflatten {
    fn write(&self, members: &[Member<'_>], out: &mut Vec<u8>) -> Result<(), &'static str> {
        let mut root = Vec::new();
        for Member { key, value } in members {
            let parts: Vec<&str> = key.split(&*self.separator).collect();
            let is_meant = parts.len() > 1
                && !parts.contains(&"")
                && (self.columns.is_empty()
                    || self.columns.iter().any(|column| column == parts[0]));
            let path = if is_meant { parts } else { vec![key.as_str()] };
            if path.len() > DEPTH_MAX {
                return Err("a key has more than 128 parts");
            }
            insert(&mut root, &path, value)?;
        }
        write_object(&root, out);
        Ok(())
    }
}

fn insert<'a>(
    object: &mut Vec<(String, Node<'a>)>,
    path: &[&str],
    value: &'a [u8],
) -> Result<(), &'static str> {
    const CONFLICT: &str = "a key is both a value and an object";
    let Some((first, rest)) = path.split_first() else { return Ok(()) };
    let known = object.iter().position(|(key, _)| key == first);
    if rest.is_empty() {
        return match known.map(|index| &mut object[index].1) {
            None => {
                object.push(((*first).to_owned(), Node::Value(value)));
                Ok(())
            }
            Some(Node::Object(members)) if value.first() == Some(&b'{') => {
                for (key, value) in Members::of(value) {
                    insert(members, &[&key_text(key)], value)?;
                }
                Ok(())
            }
            Some(Node::Object(_)) => Err(CONFLICT),
            Some(Node::Value(_)) => Err("two values of the record get the same key"),
        };
    }
    let index = known.unwrap_or_else(|| {
        object.push(((*first).to_owned(), Node::Object(Vec::new())));
        object.len() - 1
    });
    if let Node::Value(value) = object[index].1 {
        if !is_object(value) && value != b"{}" {
            return Err(CONFLICT);
        }
        let members = Members::of(value);
        let members = members.map(|(key, value)| (key_text(key).into_owned(), Node::Value(value)));
        object[index].1 = Node::Object(members.collect());
    }
    match &mut object[index].1 {
        Node::Object(members) => insert(members, rest, value),
        Node::Value(_) => Err(CONFLICT),
    }
}

fn write_object(members: &[(String, Node<'_>)], out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (key, node)) in members.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_json_string(out, key);
        out.push(b':');
        match node {
            Node::Value(value) => out.extend_from_slice(value),
            Node::Object(members) => write_object(members, out),
        }
    }
    out.push(b'}');
}
