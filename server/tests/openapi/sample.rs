//! Values that a schema describes: of each type a full one for each of its variants, and the smallest one.

use serde_json::{Map, Value, json};

pub struct Sample<'a> {
    pub document: &'a Value,
    /// Of several variants the one of this number.
    pub turn: usize,
    /// With every field, or with those only that have to be there, and null wherever that may be.
    pub full: bool,
}

impl Sample<'_> {
    pub fn of(&self, schema: &Value) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.of(self.document.pointer(&reference[1..]).expect("a schema that is there"));
        }
        if let Some(example) = schema["examples"].get(0).or(schema.get("const")) {
            return example.clone();
        }
        for variants in ["enum", "oneOf", "anyOf"] {
            if let Some(all) = schema[variants].as_array() {
                return self.variant(variants == "enum", all);
            }
        }
        self.of_type(schema)
    }

    fn variant(&self, values: bool, all: &[Value]) -> Value {
        let null = |variant: &&Value| variant.is_null() || variant["type"] == "null";
        if !self.full && all.iter().any(|variant| null(&variant)) {
            return Value::Null;
        }
        let all: Vec<&Value> = all.iter().filter(|variant| !null(variant)).collect();
        let one = all[self.turn % all.len()];
        if values { one.clone() } else { self.of(one) }
    }

    fn of_type(&self, schema: &Value) -> Value {
        let types: Vec<&str> = match &schema["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        };
        if !self.full && types.contains(&"null") {
            return Value::Null;
        }
        match types.into_iter().find(|name| *name != "null") {
            Some("object") => self.object(schema),
            Some("array") => self.array(schema),
            Some("string") if schema["format"] == "ipv4" => json!("10.77.0.11"),
            Some("string") => json!("text"),
            Some("integer") => json!(7),
            Some("number") => json!(1.5),
            Some("boolean") => json!(true),
            // Anything at all.
            _ => json!({"anything": 1}),
        }
    }

    fn object(&self, schema: &Value) -> Value {
        let mut object = Map::new();
        let required =
            |name: &String| schema["required"].as_array().is_some_and(|all| all.contains(&json!(name)));
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            if self.full || required(name) {
                object.insert(name.clone(), self.of(schema));
            }
        }
        if schema["additionalProperties"].is_object() && self.full {
            object.insert("name".into(), self.of(&schema["additionalProperties"]));
        }
        object.into()
    }

    fn array(&self, schema: &Value) -> Value {
        match schema["prefixItems"].as_array() {
            Some(items) => items.iter().map(|item| self.of(item)).collect(),
            None if self.full => json!([self.of(&schema["items"])]),
            None => json!([]),
        }
    }
}
