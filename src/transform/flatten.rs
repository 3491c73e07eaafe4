//! `flatten`: objects inside of a record become keys of the record.
//!
//! ```toml
//! [[transform]]
//! flatten = { columns = ["user"], separator = "." }
//! ```
//!
//! `{"user":{"name":"ann","tags":[1]}}` becomes `{"user.name":"ann","user.tags":[1]}`. Without `columns` all objects are
//! flattened, whatever their key; `flatten = {}` is the shortest form. The separator is `.` where none is given. Arrays and
//! empty objects stay as they are. Where two values would get one key the record is rejected.
//!
//! Behind it a record is a JSON object with whatever keys come, of CSV records, too, whose columns become keys: columns
//! of JSON text (`types = { user = "json" }`) can be flattened. For CSV output `select` the keys behind it. An expression
//! names a key as `user.name` where the separator is `.`, and always as `"user.name"`.

use super::binder::{Binder, Bound, all};
use super::rewrite::{Member, ObjectWriter, Reshape, Rewrite, is_object};
use super::{Action, binder};
use crate::error::{Diagnostic, Sql};
use crate::record::DataType;
use crate::record::object::{Members, key_text};

/// A `flatten` or `unflatten` as the job file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The columns; none for all.
    pub columns: Vec<Sql>,
    /// What stands between the keys; not empty.
    pub separator: String,
}

#[derive(Debug)]
struct Flatten {
    columns: Vec<String>,
    separator: String,
}

/// Binds a `flatten`.
pub fn bind(settings: &Settings, binder: &mut Binder<'_>) -> Result<Bound, Vec<Diagnostic>> {
    let targets = settings.columns.iter().map(|sql| {
        let target = binder.column(sql, "flatten")?;
        let data_type = target.expression.data_type();
        match data_type {
            DataType::Json => Ok(target.name),
            _ => Err(vec![not_json(sql, data_type)]),
        }
    });
    let columns = all(targets.collect::<Vec<_>>())?;
    binder::check_names(&settings.columns.iter().collect::<Vec<_>>())?;
    let separator = settings.separator.clone();
    let rewrite = Rewrite::bind(Flatten { columns: columns.clone(), separator }, binder);
    binder.slots.flattened = Some((columns, settings.separator.clone()));
    Ok(Bound { reads: rewrite.reads(), action: Action::stateless(rewrite) })
}

fn not_json(sql: &Sql, data_type: DataType) -> Diagnostic {
    let text = sql.text.trim();
    let message = format!("flatten needs JSON, not {data_type}");
    let problem = Diagnostic::at(sql.whole(), message).with_label(format!("this is {data_type}"));
    match data_type {
        DataType::Text => {
            let hint =
                format!("of JSON text make JSON: `compute = [\"CAST({text} AS json) AS {text}\"]`");
            problem.with_hint(hint)
        }
        _ => problem,
    }
}

impl Reshape for Flatten {
    fn write(&self, members: &[Member<'_>], out: &mut Vec<u8>) -> Result<(), &'static str> {
        let mut object = ObjectWriter::new(out);
        for Member { key, value } in members {
            let is_meant = self.columns.is_empty() || self.columns.contains(key);
            if is_meant && is_object(value) {
                self.flatten(key, value, &mut object)?;
            } else {
                object.push(key, value)?;
            }
        }
        object.finish();
        Ok(())
    }
}

impl Flatten {
    /// Nesting is bounded where records are read.
    fn flatten(
        &self,
        prefix: &str,
        value: &[u8],
        object: &mut ObjectWriter<'_>,
    ) -> Result<(), &'static str> {
        for (key, value) in Members::of(value) {
            let key = format!("{prefix}{}{}", self.separator, key_text(key));
            if is_object(value) {
                self.flatten(&key, value, object)?;
            } else {
                object.push(&key, value)?;
            }
        }
        Ok(())
    }
}
