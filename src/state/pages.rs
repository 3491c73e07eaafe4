//! Values by index, in pages that a snapshot shares with the state until one of them changes.
//!
//! A snapshot costs a pointer for each page. Who changes a page that a snapshot still holds gets a copy of his own, and
//! the snapshot keeps what it was; once the snapshot is gone nothing is copied.

use super::changes::Part;
use crate::vector::prefetch;
use std::ops::Index;
use std::sync::Arc;

/// The binary logarithm of [`PAGE`].
const BITS: u32 = 12;

/// So many values a page holds; small enough that a copy of one is not noticed.
pub const PAGE: usize = 1 << BITS;

/// Values by index, in pages.
#[derive(Debug, Clone)]
pub struct Pages<T> {
    /// All but the last are full.
    pages: Vec<Page<T>>,
    len: usize,
}

/// Up to [`PAGE`] values.
#[derive(Debug, Clone)]
enum Page<T> {
    /// Nobody else has them.
    Own(Vec<T>),
    /// A snapshot has them, too, or had them.
    Shared(Arc<Vec<T>>),
}

/// Values that are changed by index: all of them, or a page that is looked up once for many changes.
pub trait Cells<T> {
    /// The value at an index, which must be there, to be changed.
    fn cell(&mut self, index: usize) -> &mut T;
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Pages { pages: Vec::new(), len: 0 }
    }
}

impl<T> Page<T> {
    fn values(&self) -> &Vec<T> {
        match self {
            Page::Own(values) => values,
            Page::Shared(values) => values,
        }
    }
}

impl<T: Clone> Page<T> {
    #[inline]
    fn own(&mut self) -> &mut Vec<T> {
        if let Page::Shared(_) = self {
            self.take_back();
        }
        match self {
            Page::Own(values) => values,
            Page::Shared(_) => unreachable!("it was taken back"),
        }
    }

    #[cold]
    fn take_back(&mut self) {
        if let Page::Shared(shared) = self {
            let copy = |shared: Arc<Vec<T>>| {
                let mut values = Vec::with_capacity(shared.capacity());
                values.extend_from_slice(&shared);
                values
            };
            *self = Page::Own(Arc::try_unwrap(std::mem::take(shared)).unwrap_or_else(copy));
        }
    }
}

impl<T> Pages<T> {
    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value at an index, where there is one.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.pages.get(index >> BITS)?.values().get(index & (PAGE - 1))
    }

    /// All values.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + Clone {
        self.pages.iter().flat_map(Page::values)
    }

    /// Asks for the memory of a value.
    #[inline]
    pub fn ask_for(&self, index: usize) {
        prefetch(&self[index]);
    }

    /// Bytes of the pages, not counting what values own elsewhere.
    pub fn bytes(&self) -> usize {
        self.pages.iter().map(|page| page.values().capacity() * size_of::<T>()).sum()
    }

    /// The values of a part as they are now, for another thread; those of other pages are not there.
    pub fn share(&mut self, part: &Part) -> Pages<T> {
        let mut pages = Vec::with_capacity(self.pages.len());
        for (number, page) in self.pages.iter_mut().enumerate() {
            if !part.is_in(number * PAGE..(number + 1) * PAGE) {
                pages.push(Page::Own(Vec::new()));
                continue;
            }
            let shared = match std::mem::replace(page, Page::Own(Vec::new())) {
                Page::Own(values) => Arc::new(values),
                Page::Shared(shared) => shared,
            };
            pages.push(Page::Shared(Arc::clone(&shared)));
            *page = Page::Shared(shared);
        }
        Pages { pages, len: self.len }
    }
}

impl<T: Clone> Pages<T> {
    /// Appends a value.
    #[inline]
    pub fn push(&mut self, value: T) {
        if self.len & (PAGE - 1) == 0 {
            // The first page grows, so that few values take little.
            let capacity = if self.len == 0 { 0 } else { PAGE };
            self.pages.push(Page::Own(Vec::with_capacity(capacity)));
        }
        let last = self.pages.last_mut().expect("a page was added where there was none");
        last.own().push(value);
        self.len += 1;
    }

    /// Appends copies of a value until there are `len`; never shrinks.
    pub fn grow(&mut self, len: usize, value: T) {
        while self.len < len {
            let room = PAGE - (self.len & (PAGE - 1));
            let more = room.min(len - self.len);
            self.push(value.clone());
            let last = self.pages.last_mut().expect("something was pushed").own();
            last.resize(last.len() + more - 1, value.clone());
            self.len += more - 1;
        }
    }

    /// Puts other values in the places of a part, in their order.
    pub fn put(&mut self, part: &Part, values: Pages<T>) {
        if part.is_all() {
            *self = values;
            return;
        }
        for (entry, value) in part.entries().zip(values.iter()) {
            self.cell(entry).clone_from(value);
        }
    }

    /// The first page, where all values are in it.
    pub fn only_page(&mut self) -> Option<&mut [T]> {
        match &mut *self.pages {
            [only] => Some(only.own()),
            _ => None,
        }
    }
}

impl<T> Index<usize> for Pages<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.pages[index >> BITS].values()[index & (PAGE - 1)]
    }
}

impl<T: Clone> Cells<T> for Pages<T> {
    #[inline]
    fn cell(&mut self, index: usize) -> &mut T {
        &mut self.pages[index >> BITS].own()[index & (PAGE - 1)]
    }
}

impl<T> Cells<T> for [T] {
    #[inline]
    fn cell(&mut self, index: usize) -> &mut T {
        &mut self[index]
    }
}

impl<T: Clone> FromIterator<T> for Pages<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut values = values.into_iter();
        let mut pages = Pages::default();
        loop {
            let page: Vec<T> = values.by_ref().take(PAGE).collect();
            let is_last = page.len() < PAGE;
            pages.len += page.len();
            if !page.is_empty() {
                pages.pages.push(Page::Own(page));
            }
            if is_last {
                return pages;
            }
        }
    }
}

impl<T: Clone> From<Vec<T>> for Pages<T> {
    fn from(values: Vec<T>) -> Self {
        let len = values.len();
        let page = |some: &[T]| Page::Own(some.to_vec());
        let pages = match len {
            ..=PAGE => vec![Page::Own(values)],
            _ => values.chunks(PAGE).map(page).collect(),
        };
        Pages { pages: if len == 0 { Vec::new() } else { pages }, len }
    }
}

impl<T: Clone> Extend<T> for Pages<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push(value));
    }
}

impl<T: PartialEq> PartialEq for Pages<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<T: Eq> Eq for Pages<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Changes;

    #[test]
    fn values_are_found_where_they_were_put() {
        let mut pages = Pages::default();
        pages.grow(3, 7_usize);
        assert_eq!(pages.only_page().map(|page| page.len()), Some(3));
        pages.extend(3..PAGE * 2);
        pages.grow(PAGE * 3 + 1, 9);
        assert_eq!((pages.len(), pages[2], pages[3], pages[PAGE]), (PAGE * 3 + 1, 7, 3, PAGE));
        assert_eq!((pages.get(PAGE * 3), pages.get(PAGE * 3 + 1)), (Some(&9), None));
        assert!(pages.only_page().is_none());
        *pages.cell(PAGE + 5) = 1;
        assert_eq!(pages.iter().nth(PAGE + 5), Some(&1));
    }

    #[test]
    fn a_snapshot_keeps_what_was_and_is_not_copied_when_it_is_gone() {
        let mut pages: Pages<usize> = (0..PAGE * 2).collect();
        let mut changes = Changes::default();
        let snapshot = pages.share(&changes.take(pages.len()));
        *pages.cell(1) = 100;
        pages.push(5);
        assert_eq!((snapshot[1], pages[1], snapshot.len()), (1, 100, PAGE * 2));
        let address = std::ptr::from_ref(&pages[PAGE]);
        drop(snapshot);
        *pages.cell(PAGE) = 3;
        assert_eq!(std::ptr::from_ref(&pages[PAGE]), address, "nobody else had it");
        changes.mark(2);
        let snapshot = pages.share(&changes.take(pages.len()));
        assert_eq!((snapshot.get(2), snapshot.get(PAGE)), (Some(&2), None), "what did not change");
        assert_eq!(snapshot[PAGE * 2], 5, "what is new");
    }
}
