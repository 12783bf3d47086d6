//! In which ranges a file is fetched: each is one request, and belongs to one object.

use super::content::Part;

/// An object that is larger is fetched in ranges; a file that is larger is continued by a later run.
pub(crate) const LARGE: u64 = 16 * 1024 * 1024;
/// Long enough that a request's wait is little beside its transfer, short enough that many share a file.
pub(crate) const RANGE: u64 = 8 * 1024 * 1024;

/// The parts and ranges of one file.
#[derive(Debug)]
pub(crate) struct Layout {
    pub size: u64,
    pub parts: Vec<Part>,
    /// Where each part begins, and where the last ends.
    bounds: Vec<u64>,
    pub ranges: Vec<FileRange>,
}

/// Bytes of a file that are fetched by one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FileRange {
    /// The number of the part that it is of.
    pub part: usize,
    /// The first byte's place in the file.
    pub start: u64,
    /// The place after the last byte.
    pub end: u64,
}

impl Layout {
    pub(crate) fn new(parts: Vec<Part>) -> Self {
        let (mut bounds, mut ranges, mut start) = (vec![0], Vec::new(), 0u64);
        for (part, Part { size, .. }) in parts.iter().enumerate() {
            let end = start.saturating_add(*size);
            let step = if *size > LARGE { RANGE } else { *size };
            while start < end {
                let next = end.min(start + step);
                ranges.push(FileRange { part, start, end: next });
                start = next;
            }
            bounds.push(end);
        }
        Self { size: start, parts, bounds, ranges }
    }

    /// A part as one range.
    pub(crate) fn part(&self, part: usize) -> FileRange {
        FileRange { part, start: self.bounds[part], end: self.bounds[part + 1] }
    }

    /// Whether a range is all there is of its part.
    pub(crate) fn is_whole_part(&self, range: FileRange) -> bool {
        self.part(range.part) == range
    }

    pub(crate) fn is_large(&self) -> bool {
        self.size > LARGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_every_byte_once_and_never_two_parts() {
        let sizes = [LARGE, LARGE + 1, 3, 5 * RANGE];
        let part = |size: &u64| Part { hash: String::new(), size: *size };
        let layout = Layout::new(sizes.iter().map(part).collect());
        let mut at = 0;
        for range in &layout.ranges {
            let part = layout.part(range.part);
            assert!(
                range.start == at && range.end > at && part.start <= range.start && range.end <= part.end
            );
            at = range.end;
        }
        assert_eq!((at, layout.size), (sizes.iter().sum(), sizes.iter().sum()));
        assert_eq!(layout.ranges.len(), 1 + 3 + 1 + 5);
        assert!(layout.is_whole_part(layout.ranges[0]) && !layout.is_whole_part(layout.ranges[1]));
    }
}
