//! AMF0, the values in RTMP's commands and metadata (AMF 0 specification, 2007).
//!
//! Reads within bounds and writes what replies need. AMF3 values and references are refused:
//! no publisher sends them when it is told that the server's object encoding is 0.

mod read;
mod write;

pub use read::Reader;
pub(crate) use write::Writer;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number, or a date in milliseconds since 1970.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A string, long string or XML document; bytes that are not UTF-8 become U+FFFD.
    Text(String),
    /// The properties of an object, typed object or ECMA array, in order of appearance.
    Object(Vec<(String, Value)>),
    /// A strict array.
    List(Vec<Value>),
    /// Null, undefined or unsupported.
    Null,
}

impl Value {
    /// The first property of that name, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(properties) = self else { return None };
        properties.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The text, if this is one.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, if this is one.
    pub fn number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }
}

/// Why values cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end inside a value.
    #[error("the bytes end inside a value")]
    Truncated,
    /// A marker that is unknown or refused.
    #[error("a value of type {0} cannot be read")]
    Marker(u8),
    /// Values inside values, too deep.
    #[error("values are nested more than {max} deep")]
    TooDeep {
        /// The limit.
        max: usize,
    },
    /// Too many values in one message.
    #[error("more than {max} values")]
    TooMany {
        /// The limit.
        max: usize,
    },
}

/// Type markers (AMF 0 specification, 2.1).
mod marker {
    pub(super) const NUMBER: u8 = 0x00;
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const STRING: u8 = 0x02;
    pub(super) const OBJECT: u8 = 0x03;
    pub(super) const NULL: u8 = 0x05;
    pub(super) const UNDEFINED: u8 = 0x06;
    pub(super) const ECMA_ARRAY: u8 = 0x08;
    pub(super) const OBJECT_END: u8 = 0x09;
    pub(super) const STRICT_ARRAY: u8 = 0x0a;
    pub(super) const DATE: u8 = 0x0b;
    pub(super) const LONG_STRING: u8 = 0x0c;
    pub(super) const UNSUPPORTED: u8 = 0x0d;
    pub(super) const XML: u8 = 0x0f;
    pub(super) const TYPED_OBJECT: u8 = 0x10;
}
