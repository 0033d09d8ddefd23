//! The JSON that a manifest's signature is over: keys sorted, no blanks, no
//! escapes but those that JSON demands.

use serde_json::Value;

use crate::FormatError;

/// `"vms manifest 1" ‖ 0` and the manifest without its signature.
pub fn signed_bytes(manifest: &Value) -> Result<Vec<u8>, FormatError> {
    let mut out = super::FORMAT.as_bytes().to_vec();
    out.push(0);
    let fields = manifest.as_object().ok_or(FormatError::Text { what: "a manifest" })?;
    object(fields.iter().filter(|(name, _)| *name != "signature"), &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), FormatError> {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(value) => out.extend(value.to_string().bytes()),
        // Numbers with a fraction have no one form.
        Value::Number(number) if number.is_f64() => return Err(FormatError::Value { what: "a fraction", value: 0 }),
        Value::Number(number) => out.extend(number.to_string().bytes()),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                separate(index, out);
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => object(fields.iter(), out)?,
    }
    Ok(())
}

fn object<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>, out: &mut Vec<u8>) -> Result<(), FormatError> {
    let mut fields: Vec<_> = fields.collect();
    fields.sort_by_key(|(name, _)| *name);
    out.push(b'{');
    for (index, (name, value)) in fields.into_iter().enumerate() {
        separate(index, out);
        string(name, out);
        out.push(b':');
        write(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' => out.extend(b"\\\""),
            '\\' => out.extend(b"\\\\"),
            '\u{8}' => out.extend(b"\\b"),
            '\u{c}' => out.extend(b"\\f"),
            '\n' => out.extend(b"\\n"),
            '\r' => out.extend(b"\\r"),
            '\t' => out.extend(b"\\t"),
            '\0'..='\u{1f}' => out.extend(format!("\\u{:04x}", u32::from(character)).bytes()),
            other => out.extend(other.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_that_of_the_page() {
        let value: Value =
            serde_json::from_str(r#"{"b": [1, -2, true, null], "signature": "x", "a": "é\"\\\u0001\n/"}"#)
                .expect("JSON");
        let bytes = signed_bytes(&value).expect("integers alone");
        assert_eq!(bytes, b"vms manifest 1\0{\"a\":\"\xc3\xa9\\\"\\\\\\u0001\\n/\",\"b\":[1,-2,true,null]}");
        assert!(signed_bytes(&serde_json::json!({"a": 1.5})).is_err());
        assert!(signed_bytes(&serde_json::json!([1])).is_err());
    }
}
