"""Replies against docs/openapi.yaml: what the service says must have the form that is documented, and nothing beyond.

The part of JSON Schema that the description uses, no more; a keyword it does not know is an error. A member that the schema of an
object does not name is undocumented, unless the schema says `additionalProperties: true` or names no members at all.
"""

import re

import yaml

FORMATS = {
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
KEYWORDS = {"type", "required", "properties", "additionalProperties", "items", "enum", "pattern", "format", "allOf", "minimum",
            "description", "default", "$ref"}


class Description:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.tree = yaml.load(file, yaml.CSafeLoader)
        self.routes = [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", route.replace("{path}", ".+")) + "$"), operations)
                       for route, operations in self.tree["paths"].items()]

    def resolve(self, schema):
        while "$ref" in schema:
            node = self.tree
            for step in schema["$ref"].removeprefix("#/").split("/"):
                node = node[step]
            schema = node
        return schema

    def operation(self, method, path):
        method = "get" if method == "HEAD" else method  # what a HEAD is answered like
        for route, operations in self.routes:
            if route.match(path.split("?")[0]) and method.lower() in operations:
                return operations[method.lower()]
        return None

    def check(self, method, path, reply):
        """Raises AssertionError when a reply is not one that is described. Unknown routes answer with problems."""
        operation = self.operation(method, path)
        responses = operation["responses"] if operation else {"default": {"$ref": "#/components/responses/Problem"}}
        described = responses.get(str(reply.status), responses.get("default"))
        if described is None or (str(reply.status) not in responses and reply.status < 400):
            raise AssertionError(f"{method} {path}: status {reply.status} is not described: {reply}")
        content = self.resolve(described)["content"]
        if reply.type not in content:
            raise AssertionError(f"{method} {path}: {reply.type} is not described for {reply.status}: {reply}")
        if reply.json is not None:
            self.value(reply.json, content[reply.type]["schema"], f"{method} {path}: {reply.status}")

    def value(self, value, schema, where):
        schema = self.resolve(schema)
        unknown = set(schema) - KEYWORDS
        assert not unknown, f"{where}: schema keywords {unknown}"
        for part in schema.get("allOf", []):
            self.value(value, part, where)
        if "type" in schema:
            kind = TYPES[schema["type"]]
            assert isinstance(value, kind) and (kind is bool or not isinstance(value, bool)), \
                f"{where}: {value!r} is no {schema['type']}"
        assert "enum" not in schema or value in schema["enum"], f"{where}: {value!r} is none of {schema['enum']}"
        assert "minimum" not in schema or value >= schema["minimum"], f"{where}: {value!r} is below {schema['minimum']}"
        if isinstance(value, str):
            assert re.search(schema.get("pattern", ""), value), f"{where}: {value!r} is not of {schema.get('pattern')}"
            form = FORMATS.get(schema.get("format"), ".*")
            assert re.fullmatch(form, value, re.DOTALL), f"{where}: {value!r} is no {schema.get('format')}"
        elif isinstance(value, dict):
            self.members(value, schema, where)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self.value(item, schema.get("items", {}), f"{where}[{index}]")

    def members(self, value, schema, where):
        properties = schema.get("properties", {})
        rest = schema.get("additionalProperties", not properties)
        missing = set(schema.get("required", [])) - set(value)
        assert not missing, f"{where}: {missing} missing"
        for name, member in value.items():
            if name in properties:
                self.value(member, properties[name], f"{where}.{name}")
            elif isinstance(rest, dict):
                self.value(member, rest, f"{where}.{name}")
            else:
                assert rest, f"{where}: member {name} is not described"
