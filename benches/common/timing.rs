//! Times work that is done many times over. The least time is the one to compare between versions: the machine only
//! ever adds to it.

use std::time::{Duration, Instant};

/// So often at least, however long it takes.
const TIMES_MIN: usize = 5;

/// What some work takes, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// The quickest of all times.
    pub least: f64,
    /// The middle of them.
    pub middle: f64,
}

impl Timing {
    /// The same for one of so many.
    pub fn per(self, count: f64) -> Timing {
        Timing { least: self.least / count, middle: self.middle / count }
    }
}

/// Does something for so long; `prepare` makes what it works on, outside of the time.
pub fn measure<T, R>(
    span: Duration,
    mut prepare: impl FnMut() -> T,
    mut work: impl FnMut(T) -> R,
) -> Timing {
    let mut times = Vec::new();
    let start = Instant::now();
    while start.elapsed() < span || times.len() < TIMES_MIN {
        let material = prepare();
        let before = Instant::now();
        let result = work(material);
        times.push(before.elapsed().as_secs_f64());
        drop(std::hint::black_box(result));
    }
    times.sort_by(f64::total_cmp);
    Timing { least: times[0], middle: times[times.len() / 2] }
}
