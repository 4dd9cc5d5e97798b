//! Reads a fragmented file part by part: a chunk of a large rung takes hundreds of megabytes.

use std::{collections::VecDeque, io::SeekFrom, ops::Range, path::Path};

use fs_err::tokio as fs;
use media::fmp4::{self, Placed};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use crate::failure::Error;

/// Longest header of a box.
const HEADER_BYTES: usize = 16;

/// The parts of a file that have not been read yet.
#[derive(Debug)]
pub(crate) struct Parts {
    file: fs::File,
    init: Range<usize>,
    fragments: VecDeque<Range<usize>>,
}

impl Parts {
    /// Finds the parts; reads nothing but the headers of the outermost boxes.
    pub(crate) async fn open(path: &Path) -> Result<Self, Error> {
        let mut file = fs::File::open(path).await?;
        let end = usize::try_from(file.metadata().await?.len()).unwrap_or(usize::MAX);
        let (mut boxes, mut at) = (Vec::new(), 0);
        while at < end {
            let header = read(&mut file, at..end.min(at + HEADER_BYTES)).await?;
            let placed = Placed::parse(&header, at, end)?;
            at = placed.body.end;
            boxes.push(Ok(placed));
        }
        let layout = fmp4::layout(boxes)?;
        Ok(Self { file, init: layout.init, fragments: layout.fragments.into() })
    }

    /// The initialisation segment.
    pub(crate) async fn init(&mut self) -> Result<Vec<u8>, Error> {
        read(&mut self.file, self.init.clone()).await
    }

    /// The next fragment.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self.fragments.pop_front() {
            Some(range) => read(&mut self.file, range).await.map(Some),
            None => Ok(None),
        }
    }
}

async fn read(file: &mut fs::File, range: Range<usize>) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; range.len()];
    file.seek(SeekFrom::Start(range.start as u64)).await?;
    file.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(8 + body.len()).unwrap();
        [&size.to_be_bytes()[..], &kind, body].concat()
    }

    /// With the size behind the type, in 64 bits.
    fn large(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let size = 16 + body.len() as u64;
        [&1_u32.to_be_bytes()[..], &kind, &size.to_be_bytes(), body].concat()
    }

    async fn opened(bytes: &[u8]) -> Result<Parts, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.mp4");
        fs::write(&path, bytes).await.unwrap();
        Parts::open(&path).await
    }

    #[tokio::test]
    async fn parts_are_those_of_the_file_in_memory() {
        let bytes = [
            small(*b"ftyp", b"isom"),
            small(*b"moov", b"tracks"),
            small(*b"moof", b""),
            large(*b"mdat", &[1; 100]),
            small(*b"styp", b"x"),
            small(*b"moof", b"y"),
            small(*b"mdat", b""),
            small(*b"mfra", b"index"),
        ]
        .concat();
        let whole = fmp4::split(&bytes).unwrap();
        let mut parts = opened(&bytes).await.unwrap();
        assert_eq!(parts.init().await.unwrap(), bytes[whole.init]);
        for range in whole.fragments {
            assert_eq!(parts.next().await.unwrap().unwrap(), bytes[range]);
        }
        assert!(parts.next().await.unwrap().is_none());
        for cut in [bytes.len() - 1, 30, 5] {
            assert!(matches!(opened(&bytes[..cut]).await, Err(Error::Fragment(_))), "{cut}");
        }
    }
}
