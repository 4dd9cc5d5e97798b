//! An option that is switched on and off, or switched on with its own settings.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use utoipa::ToSchema;

/// `true`, `false`, or an object of settings, which means `true`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Switch<T> {
    /// On with the defaults, or off.
    Plain(bool),
    /// On with these settings.
    With(T),
}

impl<T: Clone + Default> Switch<T> {
    /// The settings, if it is on.
    pub fn on(&self) -> Option<T> {
        match self {
            Self::Plain(false) => None,
            Self::Plain(true) => Some(T::default()),
            Self::With(settings) => Some(settings.clone()),
        }
    }
}

/// Written by hand because serde's untagged enums lose the path of a wrong field.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Switch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either(PhantomData))
    }
}

struct Either<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
    type Value = Switch<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or an object of settings")
    }

    fn visit_bool<E>(self, on: bool) -> Result<Switch<T>, E> {
        Ok(Switch::Plain(on))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Switch<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Switch::With)
    }
}

#[cfg(test)]
mod tests {
    use crate::options::{PreviewOption, Switch};

    #[test]
    fn it_is_a_truth_value_or_an_object() {
        let read = |text: &str| serde_json::from_str::<Switch<PreviewOption>>(text);
        assert_eq!(read("false").unwrap().on(), None);
        assert_eq!(read("true").unwrap().on(), Some(PreviewOption::default()));
        assert_eq!(read(r#"{"seconds": 10}"#).unwrap().on(), Some(PreviewOption { seconds: 10 }));
        assert!(read(r#"{"second": 10}"#).unwrap_err().to_string().contains("unknown field"));
        assert!(read("3").unwrap_err().to_string().contains("true, false or an object"));
    }
}
