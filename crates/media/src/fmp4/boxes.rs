//! Box headers and the order of boxes in a file; not what is inside them.

use std::ops::Range;

use super::Error;

/// The first bytes of a box: its type and how far it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxHeader {
    /// Four-character code.
    pub kind: [u8; 4],
    /// Bytes of this header: 8, or 16 with a long size.
    pub header_len: usize,
    /// Bytes of the whole box with its header; `None` when it reaches to the end of the file.
    pub size: Option<u64>,
}

impl BoxHeader {
    /// Bytes to read before [`Self::parse`], unless the file ends earlier.
    pub const LEN_MAX: usize = 16;

    /// Reads the header at the start of `bytes`; `None` when it is cut or states a size below its
    /// own length.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let short = u32::from_be_bytes(*bytes.first_chunk()?);
        let kind = *bytes.get(4..)?.first_chunk()?;
        let (header_len, size) = match short {
            0 => (8, None),
            1 => (16, Some(u64::from_be_bytes(*bytes.get(8..)?.first_chunk()?))),
            short => (8, Some(u64::from(short))),
        };
        size.is_none_or(|size| size >= header_len as u64).then_some(Self { kind, header_len, size })
    }

    /// Bytes after the header; `None` when the box reaches to the end of the file.
    pub fn body_len(&self) -> Option<u64> {
        self.size.map(|size| size - self.header_len as u64)
    }
}

/// Where the parts of a file lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// `ftyp` and `moov`; empty for a file that holds segments only.
    pub init: Range<usize>,
    /// One range per `moof` and its `mdat`, with the `styp` and `sidx` before it.
    pub fragments: Vec<Range<usize>>,
}

/// Finds the parts of a whole file in memory.
pub fn split(bytes: &[u8]) -> Result<Layout, Error> {
    layout(boxes(bytes, 0..bytes.len()))
}

/// Finds the parts of a file by its outermost boxes, in order. `mfra`, `free` and `skip` belong to
/// none.
pub fn layout(boxes: impl IntoIterator<Item = Result<Placed, Error>>) -> Result<Layout, Error> {
    let mut layout = Layout { init: 0..0, fragments: Vec::new() };
    // Where a fragment began, and whether its `moof` and the file's `moov` have been passed.
    let (mut start, mut open, mut described) = (None, false, false);
    for placed in boxes {
        let Placed { kind, at, body } = placed?;
        let leading = layout.fragments.is_empty() && start.is_none() && !described;
        match &kind {
            b"mfra" | b"free" | b"skip" => {}
            b"ftyp" if at == 0 => layout.init.end = body.end,
            b"moov" if leading => {
                layout.init.end = body.end;
                described = true;
            }
            b"styp" | b"sidx" if !open => start = start.or(Some(at)),
            b"moof" if !open => {
                start = start.or(Some(at));
                open = true;
            }
            b"mdat" if open => {
                layout.fragments.push(start.take().unwrap_or(at)..body.end);
                open = false;
            }
            _ => return Err(Error::Unexpected { kind: kind.escape_ascii().to_string(), at }),
        }
    }
    if start.is_some() {
        return Err(Error::Missing(if open { "mdat" } else { "moof" }));
    }
    if !layout.init.is_empty() && !described {
        return Err(Error::Missing("moov"));
    }
    Ok(layout)
}

/// A box within some bytes.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its type.
    pub kind: [u8; 4],
    /// Offset of the header.
    pub at: usize,
    /// Range after the header.
    pub body: Range<usize>,
}

impl Placed {
    /// Reads the header of a box that begins at `at`, in a file that ends at `end`; `bytes` are the
    /// first 16 of the box, or all it has.
    pub fn parse(bytes: &[u8], at: usize, end: usize) -> Result<Self, Error> {
        let placed = BoxHeader::parse(bytes).and_then(|header| {
            let room = end.checked_sub(at)?;
            let size = header.size.map_or(Some(room), |size| usize::try_from(size).ok())?;
            let body = at + header.header_len..at.checked_add(size)?;
            (size <= room).then_some(Self { kind: header.kind, at, body })
        });
        placed.ok_or(Error::Truncated { at, have: end })
    }

    /// Range with the header.
    pub(super) fn whole(&self) -> Range<usize> {
        self.at..self.body.end
    }
}

/// The boxes side by side in `within`; ends after the first error.
pub(super) fn boxes(
    bytes: &[u8],
    within: Range<usize>,
) -> impl Iterator<Item = Result<Placed, Error>> {
    let mut at = within.start;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..within.end).filter(|rest| !rest.is_empty())?;
        let placed = Placed::parse(rest, at, within.end);
        at = placed.as_ref().map_or(within.end, |placed| placed.body.end);
        Some(placed)
    })
}

/// The first box of a type directly in `within`.
pub(super) fn child(
    bytes: &[u8],
    within: Range<usize>,
    kind: &'static str,
) -> Result<Placed, Error> {
    for placed in boxes(bytes, within) {
        let placed = placed?;
        if placed.kind == kind.as_bytes() {
            return Ok(placed);
        }
    }
    Err(Error::Missing(kind))
}

#[cfg(test)]
mod tests {
    use super::{super::testdata, *};

    fn file(kinds: &[&str]) -> Vec<u8> {
        let one = |kind: &&str| [b"\0\0\0\x0a", kind.as_bytes(), b"--"].concat();
        kinds.iter().flat_map(one).collect()
    }

    #[test]
    fn a_chunk_has_an_init_and_its_segments() {
        let layout = split(testdata::VIDEO).unwrap();
        assert_eq!(layout, Layout { init: 0..740, fragments: vec![740..6042, 6042..7505] });
        let init = split(testdata::AUDIO_INIT).unwrap();
        assert_eq!((init.init, init.fragments.len()), (0..testdata::AUDIO_INIT.len(), 0));
        let segment = split(testdata::AUDIO[0]).unwrap();
        let whole = 0..testdata::AUDIO[0].len();
        assert_eq!(segment, Layout { init: 0..0, fragments: Vec::from([whole]) });
    }

    #[test]
    fn a_file_can_be_walked_by_headers_alone() {
        let (mut at, mut kinds) = (0, Vec::new());
        while at < testdata::VIDEO.len() {
            let end = testdata::VIDEO.len().min(at + BoxHeader::LEN_MAX);
            let header = BoxHeader::parse(&testdata::VIDEO[at..end]).unwrap();
            kinds.push(String::from_utf8(header.kind.to_vec()).unwrap());
            at += usize::try_from(header.size.unwrap()).unwrap();
        }
        assert_eq!(kinds.join(" "), "ftyp moov moof mdat moof mdat mfra");
    }

    #[test]
    fn long_and_open_sizes_are_read() {
        let long = b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\x10";
        let header = BoxHeader::parse(long).unwrap();
        assert_eq!((header.size, header.header_len), (Some((1 << 32) + 16), 16));
        assert_eq!(header.body_len(), Some(1 << 32));
        assert_eq!(BoxHeader::parse(b"\0\0\0\0mdat").unwrap().size, None);
        for cut in [&b"\0\0\0\x08moo"[..], b"\0\0\0\x01mdat\0\0\0\0", b"\0\0\0\x07moov", b""] {
            assert_eq!(BoxHeader::parse(cut), None, "{}", cut.escape_ascii());
        }
    }

    #[test]
    fn open_media_reaches_to_the_end() {
        let mut bytes = file(&["moof"]);
        bytes.extend(b"\0\0\0\0mdat media");
        let whole = 0..bytes.len();
        assert_eq!(split(&bytes).unwrap().fragments, Vec::from([whole]));
    }

    #[test]
    fn boxes_out_of_order_are_refused() {
        for (kinds, error) in [
            (&["ftyp", "moov", "mdat"][..], "a `mdat` box at byte 20 has no place there"),
            (&["ftyp", "moov", "moov"], "a `moov` box at byte 20 has no place there"),
            (&["moof", "mdat", "moov"], "a `moov` box at byte 20 has no place there"),
            (&["moof", "moof"], "a `moof` box at byte 10 has no place there"),
            (&["moof", "styp"], "a `styp` box at byte 10 has no place there"),
            (&["free", "ftyp"], "a `ftyp` box at byte 10 has no place there"),
            (&["evil"], "a `evil` box at byte 0 has no place there"),
            (&["ftyp"], "there is no `moov` box"),
            (&["styp", "sidx"], "there is no `moof` box"),
            (&["styp", "moof"], "there is no `mdat` box"),
        ] {
            assert_eq!(split(&file(kinds)).unwrap_err().to_string(), error, "{kinds:?}");
        }
    }

    #[test]
    fn a_cut_file_is_refused_wherever_it_is_cut_within_a_box() {
        let ends = [28, 740, 6042, 7505];
        for len in 1..testdata::VIDEO.len() {
            let layout = split(&testdata::VIDEO[..len]);
            assert_eq!(layout.is_ok(), ends.contains(&len) && len != 28, "{len}");
        }
    }
}
