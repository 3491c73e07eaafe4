//! Days and moments as text, each day made once.

use jiff::ToSpan;
use jiff::civil::Date;

/// Some days in a row, as `2024-02-29`.
pub struct Days(Vec<String>);

impl Days {
    /// So many days from one on.
    pub fn from(first: Date, count: i32) -> Days {
        Days((0..count).map(|index| first.saturating_add(index.days()).to_string()).collect())
    }

    /// The day that is so many behind the first one; the last one where there are not so many.
    pub fn day(&self, index: u64) -> &str {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        &self.0[index.min(self.0.len() - 1)]
    }

    /// The moment that is so many seconds behind the start of the first day, as `2024-02-29T12:30:00Z`.
    pub fn moment(&self, seconds: u64) -> String {
        let (day, second) = (self.day(seconds / 86_400), seconds % 86_400);
        format!("{day}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
    }
}
