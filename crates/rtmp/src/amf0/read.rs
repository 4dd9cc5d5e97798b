//! Reading values, within bounds of depth and number.

use super::{Error, Value, marker};

/// Reads one value after another from the bytes of a message.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    values_left: usize,
    values_max: usize,
    depth_max: usize,
}

impl<'a> Reader<'a> {
    /// A reader of at most so many values in all, nested at most so deep.
    pub fn new(bytes: &'a [u8], values_max: usize, depth_max: usize) -> Self {
        Self { rest: bytes, values_left: values_max, values_max, depth_max }
    }

    /// The next value; `None` at the end.
    pub fn next_value(&mut self) -> Result<Option<Value>, Error> {
        if self.rest.is_empty() { Ok(None) } else { self.value(1).map(Some) }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        if depth > self.depth_max {
            return Err(Error::TooDeep { max: self.depth_max });
        }
        let too_many = Error::TooMany { max: self.values_max };
        self.values_left = self.values_left.checked_sub(1).ok_or(too_many)?;
        let [kind] = self.array()?;
        Ok(match kind {
            marker::NUMBER => Value::Number(self.number()?),
            marker::BOOLEAN => Value::Boolean(self.array::<1>()? != [0]),
            marker::STRING => Value::Text(self.short_text()?),
            marker::OBJECT => Value::Object(self.properties(depth)?),
            marker::TYPED_OBJECT => {
                self.short_text()?;
                Value::Object(self.properties(depth)?)
            }
            marker::ECMA_ARRAY => {
                // The count is a hint: writers leave it at 0, and the end marker decides.
                self.array::<4>()?;
                Value::Object(self.properties(depth)?)
            }
            marker::STRICT_ARRAY => Value::List(self.list(depth)?),
            marker::DATE => {
                let ms = self.number()?;
                self.array::<2>()?;
                Value::Number(ms)
            }
            marker::LONG_STRING | marker::XML => {
                let length = u32::from_be_bytes(self.array()?);
                Value::Text(self.text(length as usize)?)
            }
            marker::NULL | marker::UNDEFINED | marker::UNSUPPORTED => Value::Null,
            other => return Err(Error::Marker(other)),
        })
    }

    fn properties(&mut self, depth: usize) -> Result<Vec<(String, Value)>, Error> {
        let mut properties = Vec::new();
        // Some encoders leave out the end marker when the message ends with it.
        while !self.rest.is_empty() {
            if let [0, 0, marker::OBJECT_END, rest @ ..] = self.rest {
                self.rest = rest;
                break;
            }
            let key = self.short_text()?;
            properties.push((key, self.value(depth + 1)?));
        }
        Ok(properties)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, Error> {
        let count = u32::from_be_bytes(self.array()?);
        // Nothing is reserved for a count that only the sender vouches for.
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(self.value(depth + 1)?);
        }
        Ok(list)
    }

    fn number(&mut self) -> Result<f64, Error> {
        Ok(f64::from_be_bytes(self.array()?))
    }

    fn short_text(&mut self) -> Result<String, Error> {
        let length = u16::from_be_bytes(self.array()?);
        self.text(usize::from(length))
    }

    fn text(&mut self, length: usize) -> Result<String, Error> {
        let (text, rest) = self.rest.split_at_checked(length).ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }
}
