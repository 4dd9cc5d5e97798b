//! Writing the values of replies.

use super::marker;

/// Appends values to the body of a message.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn number(mut self, number: f64) -> Self {
        self.bytes.push(marker::NUMBER);
        self.bytes.extend(number.to_be_bytes());
        self
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self.bytes.push(marker::STRING);
        self.short(text);
        self
    }

    pub(crate) fn null(mut self) -> Self {
        self.bytes.push(marker::NULL);
        self
    }

    /// An object; `properties` writes each with [`key`](Self::key) before its value.
    pub(crate) fn object(mut self, properties: impl FnOnce(Self) -> Self) -> Self {
        self.bytes.push(marker::OBJECT);
        let mut written = properties(self);
        written.bytes.extend([0, 0, marker::OBJECT_END]);
        written
    }

    /// A strict array of texts.
    pub(crate) fn texts(mut self, texts: &[&str]) -> Self {
        self.bytes.push(marker::STRICT_ARRAY);
        self.bytes.extend(u32::try_from(texts.len()).unwrap_or(u32::MAX).to_be_bytes());
        texts.iter().fold(self, |writer, text| writer.text(text))
    }

    pub(crate) fn key(mut self, key: &str) -> Self {
        self.short(key);
        self
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn short(&mut self, text: &str) {
        let length = u16::try_from(text.floor_char_boundary(usize::from(u16::MAX))).unwrap_or(0);
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(&text.as_bytes()[..usize::from(length)]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Reader, Value};
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let bytes = Writer::default()
            .text("_result")
            .number(1.5)
            .object(|object| object.key("code").text("ok").key("list").texts(&["a", "b"]))
            .null()
            .finish();
        let mut reader = Reader::new(&bytes, 100, 16);
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(reader.next_value(), Ok(Some(text("_result"))));
        assert_eq!(reader.next_value(), Ok(Some(Value::Number(1.5))));
        let list = Value::List(vec![text("a"), text("b")]);
        let object = vec![("code".to_owned(), text("ok")), ("list".to_owned(), list)];
        assert_eq!(reader.next_value(), Ok(Some(Value::Object(object))));
        assert_eq!(reader.next_value(), Ok(Some(Value::Null)));
        assert_eq!(reader.next_value(), Ok(None));
    }
}
