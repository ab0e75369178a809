"""Holds every `[[tool.preview]]` of the manifests in the folder argv[2] against the vendors' own descriptions in the
folder argv[1] and in the packages in argv[3]: is each field that is shown, named or passed on one that the read's answer
has? A line for each that is not, then how many were looked at. What a vendor says nothing of is counted as not known."""
import glob
import gzip
import json
import os
import re
import sys
import tomllib

# nothing is written beside the tests
sys.dont_write_bytecode = True
from answer_types import PostHog, Stripe  # noqa: E402

APIS, TOOLS, MODULES = sys.argv[1:4]
# what `decode = "gmail"` puts in the place of a mail's payload
MAIL = {"headers", "text", "textFrom", "attachments"}


def load(path):
    opened = gzip.open if path.endswith(".gz") else open
    with opened(os.path.join(APIS, path), "rt") as file:
        return file.read()


class OpenApi:
    def __init__(self, path):
        self.spec = json.loads(load(path))

    def answer(self, request):
        method, path = request.split(" ", 1)
        same = lambda one: re.sub(r"\{[^}]*\}", "{}", one)
        operations = next((ops for at, ops in self.spec["paths"].items() if same(at) == same(path)), {})
        answers = operations.get(method.lower(), {}).get("responses", {})
        for code, answer in answers.items():
            content = self.deref(answer).get("content", {})
            if code.startswith("2") and "application/json" in content:
                return content["application/json"]["schema"]
        return None

    def deref(self, schema):
        while "$ref" in schema:
            at = self.spec
            for part in schema["$ref"].removeprefix("#/").split("/"):
                at = at[part]
            schema = at
        return schema

    def has(self, schema, parts):
        schema = self.deref(schema)
        if not parts:
            return True
        for key in ("oneOf", "anyOf", "allOf"):
            if any(self.has(one, parts) for one in schema.get(key, [])):
                return True
        first, rest = parts[0], parts[1:]
        if "items" in schema:
            return self.has(schema["items"], rest if first.isdigit() else parts)
        if first in schema.get("properties", {}):
            return self.has(schema["properties"][first], rest)
        extra = schema.get("additionalProperties")
        return isinstance(extra, dict) and bool(extra) and self.has(extra, rest)


class Discovery:
    def __init__(self, path):
        self.spec = json.loads(load(path))

    def methods(self, resources):
        for resource in resources.values():
            yield from resource.get("methods", {}).values()
            yield from self.methods(resource.get("resources", {}))

    def answer(self, request):
        verb, path = request.split(" ", 1)
        same = lambda one: re.sub(r"\{\+?[^}]*\}", "{}", one).strip("/").replace("users/me/", "users/{}/")
        for method in self.methods(self.spec["resources"]):
            if method["httpMethod"] == verb and same(method.get("flatPath", method["path"])) == same(path):
                return method.get("response")
        return None

    def has(self, schema, parts):
        if "$ref" in schema:
            name = schema["$ref"]
            if name == "Message" and parts and parts[0] in MAIL:
                return True
            schema = self.spec["schemas"][name]
        if not parts:
            return True
        first, rest = parts[0], parts[1:]
        if "items" in schema:
            return self.has(schema["items"], rest if first.isdigit() else parts)
        found = schema.get("properties", {}).get(first)
        return found is not None and self.has(found, rest)


def selected(query):
    """The fields that a GraphQL document asks for, nested."""
    fragments = {}
    tokens = re.findall(r"\.\.\.|[A-Za-z_]\w*|[{}()\[\]:!$@,]|\"[^\"]*\"|-?\d+", query)
    place = 0

    def skip_arguments():
        nonlocal place
        depth = 0
        while True:
            depth += {"(": 1, ")": -1}.get(tokens[place], 0)
            place += 1
            if depth == 0:
                return

    def selection():
        nonlocal place
        found = {}
        place += 1
        while tokens[place] != "}":
            if tokens[place] == "...":
                if tokens[place + 1] == "on":
                    place += 3
                    found.update(selection())
                else:
                    found["..." + tokens[place + 1]] = {}
                    place += 2
                continue
            name = tokens[place]
            place += 1
            if tokens[place] == ":":
                place += 2
            if tokens[place] == "(":
                skip_arguments()
            found[name] = selection() if tokens[place] == "{" else {}
        place += 1
        return found

    root = {}
    while place < len(tokens):
        if tokens[place] == "fragment":
            name = tokens[place + 1]
            place += 4
            fragments[name] = selection()
            continue
        while tokens[place] != "{":
            if tokens[place] == "(":
                skip_arguments()
            else:
                place += 1
        root.update(selection())

    def spread(fields):
        out = {}
        for name, inner in fields.items():
            out.update(spread(fragments[name[3:]]) if name.startswith("...") else {name: spread(inner)})
        return out

    return spread(root)


class Selected:
    """A GraphQL service answers what it was asked for, and the judge checks that against its schema."""

    def answer(self, query):
        return selected(query)

    def has(self, fields, parts):
        parts = [part for part in parts if not part.isdigit()]
        for part in parts:
            if part not in fields:
                return False
            fields = fields[part]
        return True


class PostHogs:
    """Which answer a path has, the toolkit's types say; what is in it, they or the newer models of the specification."""

    def __init__(self):
        self.types, self.spec = PostHog(MODULES), OpenApi("posthog/posthog_merged_2026-09.derived.openapi.json.gz")

    def answer(self, request):
        return self.types.answer(request)

    def has(self, answer, parts):
        model = self.spec.spec["components"]["schemas"].get(answer[1]) if answer[0] == "name" else None
        return self.types.has(answer, parts) or (model is not None and self.spec.has(model, parts))


SERVICES = {
    "github": lambda: OpenApi("github/api.github.com.json.gz"),
    "gmail": lambda: Discovery("gmail/gmail.v1.json"),
    "linear": Selected,
    "posthog": PostHogs,
    "stripe": lambda: Stripe(MODULES),
}


def paths(tool, previews):
    """What of each preview's answer is used: shown, a currency, in the headline, or an argument of a later look."""
    names = {preview["as"] for preview in previews}
    for preview in previews:
        for show in preview.get("show", []):
            yield preview["as"], show["field"]
            if show.get("unit", "").startswith("minor:"):
                yield preview["as"], show["unit"].removeprefix("minor:")
    ask = tool.get("ask", {})
    texts = [ask.get("headline", "")] + [other.get("headline", "") for other in ask.get("otherwise", [])]
    texts += [value for preview in previews for value in preview.get("args", {}).values() if isinstance(value, str)]
    for text in texts:
        for inner in re.findall(r"\{([^}]*)\}", text):
            for path in re.split(r"\|money:| - ", inner):
                name, _, rest = path.partition(".")
                if name in names and rest:
                    yield name, rest


known = unknown = 0
for file in sorted(glob.glob(os.path.join(TOOLS, "*.toml"))):
    with open(file, "rb") as opened:
        manifest = tomllib.load(opened)
    tools = {tool["name"]: tool for tool in manifest.get("tool", [])}
    service = manifest["integration"]["id"]
    judge = SERVICES[service]() if service in SERVICES else None
    for tool in tools.values():
        previews = tool.get("preview", [])
        for name, path in paths(tool, previews):
            where = f"{service}.{tool['name']}: {name}.{path}"
            for read in (one for one in previews if one["as"] == name):
                read = tools.get(read["call"])
                asked = read.get("request") or read.get("document")
                answer = judge.answer(asked) if judge and asked else None
                if judge is None or answer == ("name", "unknown", []):
                    unknown += 1
                    continue
                known += 1
                if answer is None:
                    print(f"{where}: `{read['name']}` has no answer that is described")
                elif not judge.has(answer, [part for part in path.split(".") if part]):
                    print(f"{where}: `{read['name']}` answers no such field")
print(f"{known} looked at, {unknown} in answers that nobody describes")
