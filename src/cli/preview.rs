//! `onward preview`: the first records that come out of the chain, as a table.

use super::args::PreviewArguments;
use super::exit::Exit;
use super::job_file::{self, Failure};
use super::messages::{self, escape};
use super::numbers::counted;
use super::table::{Cell, render, terminal_width};
use super::world::{Teller, real};
use crate::engine::{self, Preview};
use crate::error::Error;
use crate::record::DataType;
use csv::ReaderBuilder;
use std::sync::Arc;

/// How many bad records are listed.
const REJECTS_SHOWN: usize = 5;

/// Shows the first records.
///
/// # Errors
/// Where the job is wrong, or its files cannot be read.
pub fn preview(arguments: &PreviewArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let loaded = job_file::load(&world, &arguments.job)?;
    let preview = engine::preview(&loaded.job, arguments.records, &world)
        .map_err(|error| loaded.explain(&arguments.job.job, error))?;
    let rows = rows(&preview, arguments.records)?;
    let header: Vec<String> = preview.columns.iter().map(|(name, _)| name.clone()).collect();
    let mut text = render(&header, &rows, terminal_width());
    if !preview.is_whole {
        let read = counted(preview.records_read, "record");
        text += &format!("(from the first {read} of the input)\n");
    }
    for line in preview.rejects.iter().take(REJECTS_SHOWN) {
        text += &format!("bad record: {}\n", escape(line));
    }
    if preview.rejects.len() > REJECTS_SHOWN {
        text += &format!("(and {} more bad records)\n", preview.rejects.len() - REJECTS_SHOWN);
    }
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

fn rows(preview: &Preview, records: u64) -> Result<Vec<Vec<Cell>>, Error> {
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(&*preview.csv);
    let limit = usize::try_from(records).unwrap_or(usize::MAX);
    let mut rows = Vec::new();
    for record in reader.byte_records().take(limit) {
        let unreadable = |cause| Error::internal("the preview is not CSV").with_cause(cause);
        let record = record.map_err(unreadable)?;
        let cells = record.iter().zip(&preview.columns).map(|(field, (_, data_type))| {
            let text = String::from_utf8_lossy(field).into_owned();
            match data_type {
                _ if text.is_empty() => Cell::Null,
                DataType::Bigint | DataType::Decimal { .. } | DataType::Double => {
                    Cell::Number(text)
                }
                _ => Cell::Text(text),
            }
        });
        rows.push(cells.collect());
    }
    Ok(rows)
}
