//! Lines of a program's output, in bounded memory however long a line is.

use std::borrow::Cow;
use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Longest line that is kept whole, in bytes; the rest of a longer one is thrown away.
const LINE_MAX: usize = 64 << 10;

/// Reads lines one by one.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    whole: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Starts at the first line.
    pub(crate) fn new(reader: R) -> Self {
        Self { reader: BufReader::with_capacity(LINE_MAX, reader), line: Vec::new(), whole: false }
    }

    /// The next line without its end, or `None` at the end. Cancel-safe.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Cow<'_, str>>> {
        if std::mem::take(&mut self.whole) {
            self.line.clear();
        }
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                self.whole = true;
                return Ok((!self.line.is_empty()).then(|| text(&self.line)));
            }
            let end = available.iter().position(|&byte| byte == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            let room = LINE_MAX - self.line.len();
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                self.whole = true;
                return Ok(Some(text(&self.line)));
            }
        }
    }
}

/// Programs copy bytes of their input into messages, so a line need not be UTF-8.
fn text(line: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(input: &[u8]) -> Vec<String> {
        let mut lines = Lines::new(input);
        let mut found = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            found.push(line.into_owned());
        }
        found
    }

    #[tokio::test]
    async fn lines_end_with_a_newline_or_the_end() {
        assert_eq!(all(b"a\r\n\nb").await, ["a", "", "b"]);
        assert!(all(b"").await.is_empty());
    }

    #[tokio::test]
    async fn a_line_without_end_takes_bounded_memory() {
        let mut input = vec![b'x'; 5 * LINE_MAX + 7];
        input.extend_from_slice(b"\nnext\n");
        let found = all(&input).await;
        assert_eq!((found[0].len(), found[1].as_str(), found.len()), (LINE_MAX, "next", 2));
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(all(b"ab\xffcd\nef").await, ["ab\u{fffd}cd", "ef"]);
    }
}
