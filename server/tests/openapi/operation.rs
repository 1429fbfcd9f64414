//! An operation of `/api/v1`: how it is called, by whom, and the types that travel.

use api::order::Verb;
use api::user::Role;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use server::http::roles::{Least, least};

pub struct Operation {
    pub method: &'static str,
    /// With the verb in its place.
    pub path: String,
    /// What client generators name it by.
    pub id: &'static str,
    pub summary: &'static str,
    pub role: Role,
    pub query: Option<Type>,
    pub body: Body,
    pub answer: Answer,
}

#[derive(Clone, Copy)]
pub enum Body {
    None,
    Json(Type),
    /// May be left out.
    Optional(Type),
    Text,
    Bytes,
}

#[derive(Clone, Copy)]
pub enum Answer {
    Json(Type),
    /// 204.
    Nothing,
    Events,
    /// 101: the connection is something else from then on.
    Upgrade,
    /// This description.
    Description,
}

/// A wire type: its schema, and how serde reads it and writes it again.
#[derive(Clone, Copy)]
pub struct Type {
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    pub again: fn(Value) -> Result<Value, serde_json::Error>,
}

impl Type {
    pub fn of<T: JsonSchema + Serialize + DeserializeOwned>() -> Type {
        let again = |value| serde_json::to_value(serde_json::from_value::<T>(value)?);
        Type { schema: |generator| generator.subschema_for::<T>(), again }
    }
}

impl Operation {
    pub fn with<Q: JsonSchema + Serialize + DeserializeOwned>(self) -> Operation {
        Operation { query: Some(Type::of::<Q>()), ..self }
    }

    pub fn takes<B: JsonSchema + Serialize + DeserializeOwned>(self) -> Operation {
        Operation { body: Body::Json(Type::of::<B>()), ..self }
    }

    pub fn answers<A: JsonSchema + Serialize + DeserializeOwned>(self) -> Operation {
        Operation { answer: Answer::Json(Type::of::<A>()), ..self }
    }
}

/// One that takes nothing and answers nothing.
pub fn row(method: &'static str, path: &str, id: &'static str, summary: &'static str) -> Operation {
    let path = format!("/api/v1{path}");
    let (before, last) = path.rsplit_once('/').unwrap_or_default();
    let verb = last.parse::<Verb>().is_ok() && before.ends_with("{reference}");
    let least = match verb {
        true => least(method, &format!("{before}/{{verb}}"), Some(last)),
        false => least(method, &path, None),
    };
    let Least::With(role) = least else { panic!("{method} {path} is for anyone") };
    Operation { method, path, id, summary, role, query: None, body: Body::None, answer: Answer::Nothing }
}
