//! Values of commands: Action Message Format 0 (AMF0).

/// Deeper nesting is not a command.
const MAX_DEPTH: usize = 8;

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Number(f64),
    Bool(bool),
    Text(String),
    /// Objects and ECMA arrays alike.
    Object(Vec<(String, Value)>),
    Array(Vec<Value>),
    /// Null, undefined, and what no command needs: dates, references.
    Null,
}

impl Value {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub fn as_number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// A field of an object.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let Self::Object(fields) = self else { return None };
        fields.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }
}

/// The values of a message; what is cut off or unknown ends the list.
pub fn read(mut input: &[u8]) -> Vec<Value> {
    let mut values = Vec::new();
    while let Some(value) = value(&mut input, 0) {
        values.push(value);
    }
    values
}

fn value(input: &mut &[u8], depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    match take::<1>(input)?[0] {
        0 => Some(Value::Number(f64::from_be_bytes(take(input)?))),
        1 => Some(Value::Bool(take::<1>(input)?[0] != 0)),
        2 => short_text(input).map(Value::Text),
        3 => object(input, depth).map(Value::Object),
        5 | 6 => Some(Value::Null),
        8 => {
            // The count is not believed: the end is marked.
            take::<4>(input)?;
            object(input, depth).map(Value::Object)
        }
        10 => {
            let count = u32::from_be_bytes(take(input)?);
            // Each value takes a byte at least.
            let count = usize::try_from(count).ok().filter(|count| *count <= input.len())?;
            (0..count).map(|_| value(input, depth + 1)).collect::<Option<_>>().map(Value::Array)
        }
        11 => take::<10>(input).map(|_| Value::Null),
        12 => {
            let length = usize::try_from(u32::from_be_bytes(take(input)?)).ok()?;
            text(input, length).map(Value::Text)
        }
        _ => None,
    }
}

fn object(input: &mut &[u8], depth: usize) -> Option<Vec<(String, Value)>> {
    let mut fields = Vec::new();
    loop {
        if let Some(rest) = input.strip_prefix(&[0, 0, 9]) {
            *input = rest;
            return Some(fields);
        }
        let name = short_text(input)?;
        fields.push((name, value(input, depth + 1)?));
    }
}

fn short_text(input: &mut &[u8]) -> Option<String> {
    let length = u16::from_be_bytes(take(input)?);
    text(input, usize::from(length))
}

fn text(input: &mut &[u8], length: usize) -> Option<String> {
    let (bytes, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*bytes)
}

/// The bytes of values of ours, whose texts are short.
pub fn write(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    values.iter().for_each(|value| put(&mut out, value));
    out
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Number(number) => {
            out.push(0);
            out.extend(number.to_be_bytes());
        }
        Value::Bool(value) => out.extend([1, u8::from(*value)]),
        Value::Text(text) => {
            out.push(2);
            put_text(out, text);
        }
        Value::Object(fields) => {
            out.push(3);
            for (name, value) in fields {
                put_text(out, name);
                put(out, value);
            }
            out.extend([0, 0, 9]);
        }
        Value::Array(values) => {
            out.push(10);
            out.extend(u32::try_from(values.len()).unwrap_or(0).to_be_bytes());
            values.iter().for_each(|value| put(out, value));
        }
        Value::Null => out.push(5),
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let mut length = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    out.extend((length as u16).to_be_bytes());
    out.extend(&text.as_bytes()[..length]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let values = vec![
            Value::text("connect"),
            Value::Number(1.0),
            Value::Object(vec![
                ("app".into(), Value::text("gate")),
                ("fpad".into(), Value::Bool(false)),
                ("list".into(), Value::Array(vec![Value::Null, Value::Number(-0.5)])),
            ]),
            Value::Null,
        ];
        assert_eq!(read(&write(&values)), values);
        assert_eq!(values[2].get("app").and_then(Value::as_text), Some("gate"));
        assert_eq!(values[2].get("none"), None);
    }

    #[test]
    fn what_is_cut_off_ends_the_list() {
        let bytes = write(&[Value::Number(1.0), Value::Object(vec![("a".into(), Value::text("b"))])]);
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).len() <= 1, "{end}");
        }
        assert_eq!(read(&[17, 3]), []);
    }

    #[test]
    fn nesting_and_counts_are_bounded() {
        let mut deep = [10, 0, 0, 0, 1].repeat(1000);
        deep.push(5);
        assert_eq!(read(&deep), []);
        assert_eq!(read(&[10, 0xff, 0xff, 0xff, 0xff, 5]), []);
    }

    #[test]
    fn an_ecma_array_is_an_object_whatever_it_counts() {
        let bytes = [8, 0, 0, 0, 99, 0, 1, b'w', 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
        assert_eq!(read(&bytes), [Value::Object(vec![("w".into(), Value::Number(2.0))])]);
    }
}
