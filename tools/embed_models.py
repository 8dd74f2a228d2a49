#!/usr/bin/python3
"""Cuts AWS's service models down to what the program uses and writes them in the form that it embeds.

Reads models/operations.txt (what to keep) and models/overlay.json (what is newer than the installed botocore), and
botocore's own data. Writes into the output directory, for each service, NAME.jsonl (one JSON record per line: the
service, its shapes, operations, waiters, paginators; the loader in src/aws/model reads it), and embedded_models.cc,
which includes them all into the program. Run at build time by Debian's python3, whose python3-botocore it needs.
"""

import argparse
import copy
import hashlib
import json
import os
import re
import sys

try:
    from botocore.exceptions import DataNotFoundError, UnknownServiceError
    from botocore.loaders import Loader
except ImportError:
    sys.exit("embed_models: the AWS models are missing: python has no botocore; apt-get install python3-botocore")

# Parts of a shape that count for its uses too, unless a use says otherwise (botocore's resolve_shape_ref).
INHERITED = ("locationName", "queryName", "flattened", "location", "streaming", "timestampFormat", "xmlNamespace",
             "xmlAttribute", "hostLabel", "idempotencyToken", "sensitive")
TYPES = ("structure", "list", "map", "string", "blob", "boolean", "integer", "long", "float", "double", "timestamp")


class ModelError(Exception):
    pass


def read_operations(path):
    """{service: [word, …]} in the file's order."""
    services = {}
    current = None
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            text = line.split("#", 1)[0].rstrip()
            if not text:
                continue
            if text[0].isspace():
                if current is None:
                    raise ModelError(f"{path}:{number}: an operation before any service")
                current.extend(text.split())
            else:
                if text in services:
                    raise ModelError(f"{path}:{number}: service {text} appears twice")
                current = services.setdefault(text, [])
    return services


def merge(base, extra):
    """Adds `extra` to `base`: objects by key, lists by appending what is missing, null removes."""
    for key, value in extra.items():
        if value is None:
            base.pop(key, None)
        elif isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        elif isinstance(value, list) and isinstance(base.get(key), list):
            base[key] += [item for item in value if item not in base[key]]
        else:
            base[key] = value
    return base


def apply_overlay(model, extra):
    """Adds a service's part of overlay.json to its model."""
    merge(model, {key: value for key, value in extra.items() if key in ("operations", "shapes", "metadata")})
    for shape in model["shapes"].values():
        for member in shape.pop("optional", []):
            if member in shape.get("required", []):
                shape["required"].remove(member)


def select(service, model, words):
    known = model["operations"]
    names = []
    if "*" in words:
        excluded = {word[1:] for word in words if word.startswith("!")}
        names = [name for name, op in known.items() if not op.get("deprecated") and name not in excluded]
    names += [word for word in words if word != "*" and word[0] != "!" and word not in names]
    missing = [word.lstrip("!") for word in words if word != "*" and word.lstrip("!") not in known]
    if missing:
        raise ModelError(f"{service} has no operation {', '.join(missing)}: neither the installed botocore nor "
                         "models/overlay.json describes it")
    return sorted(names)


class ServiceWriter:
    def __init__(self, name, model):
        self.name = name
        self.shapes = model["shapes"]
        self.kept = {}  # name -> record, in the order of first use
        self.lines = []

    def emit(self, record):
        self.lines.append(json.dumps(record, separators=(",", ":"), ensure_ascii=False))

    def use(self, reference):
        """A record for a use of a shape, the shape's own traits included."""
        name = reference["shape"]
        shape = self.shapes.get(name)
        if shape is None:
            raise ModelError(f"{self.name}: no shape {name}")
        self.keep(name, shape)
        traits = {key: shape[key] for key in INHERITED if key in shape}
        traits.update({key: reference[key] for key in INHERITED if key in reference})
        record = {"s": name}
        for key, short in (("locationName", "l"), ("queryName", "q"), ("location", "loc"),
                           ("timestampFormat", "ts")):
            if key in traits:
                record[short] = traits[key]
        for key, short in (("flattened", "flat"), ("streaming", "stream"), ("xmlAttribute", "attr"),
                           ("hostLabel", "host"), ("idempotencyToken", "token"), ("sensitive", "secret")):
            if traits.get(key):
                record[short] = True
        namespace = traits.get("xmlNamespace")
        if isinstance(namespace, str):
            record["ns"] = namespace
        elif namespace:
            record["ns"] = namespace["uri"]
            if namespace.get("prefix"):
                record["nsp"] = namespace["prefix"]
        return record

    def keep(self, name, shape):
        if name in self.kept:
            return
        kind = shape["type"]
        if kind == "character":
            kind = "string"
        if kind not in TYPES:
            raise ModelError(f"{self.name}: shape {name} has the unknown type {kind}")
        if shape.get("eventstream") or shape.get("document"):
            raise ModelError(f"{self.name}: shape {name} is an event stream or a free document, which the codec lacks")
        record = {"k": "shape", "n": name, "t": kind}
        self.kept[name] = record  # before the members: shapes may be recursive
        for key in ("min", "max", "pattern", "enum", "payload"):
            if key in shape:
                record[key] = shape[key]
        for key, short in (("locationName", "l"), ("timestampFormat", "ts")):
            if key in shape:
                record[short] = shape[key]
        for key, short in (("flattened", "flat"), ("streaming", "stream"), ("sensitive", "secret"),
                           ("exception", "exc"), ("fault", "fault")):
            if shape.get(key):
                record[short] = True
        error = shape.get("error", {})
        if "code" in error:
            record["code"] = error["code"]
        if "httpStatusCode" in error:
            record["status"] = error["httpStatusCode"]
        if record.get("fault") and "httpStatusCode" not in error:
            record["status"] = 500
        if kind == "structure":
            required = shape.get("required", [])
            record["m"] = []
            for member, reference in shape.get("members", {}).items():
                use = {"n": member, **self.use(reference)}
                if member in required:
                    use["req"] = True
                record["m"].append(use)
        elif kind == "list":
            record["e"] = self.use(shape["member"])
        elif kind == "map":
            record["key"] = self.use(shape["key"])
            record["value"] = self.use(shape["value"])

    def operation(self, name, operation):
        http = operation["http"]
        record = {"k": "op", "n": name, "method": http.get("method", "POST"), "uri": http.get("requestUri", "/")}
        if "responseCode" in http:
            record["status"] = http["responseCode"]
        if "input" in operation:
            record["in"] = self.use(operation["input"])
        if "output" in operation:
            record["out"] = self.use(operation["output"])
            if "resultWrapper" in operation["output"]:
                record["wrapper"] = operation["output"]["resultWrapper"]
        record["err"] = [self.use(error)["s"] for error in operation.get("errors", [])]
        if "hostPrefix" in operation.get("endpoint", {}):
            record["host"] = operation["endpoint"]["hostPrefix"]
        checksum = operation.get("httpChecksum", {})
        if operation.get("httpChecksumRequired") or checksum.get("requestChecksumRequired"):
            record["checksum"] = True
        return record


def compact(name, model, words, waiters, paginators):
    """The lines of NAME.jsonl and the service's record."""
    metadata = model["metadata"]
    namespace = metadata.get("xmlNamespace", "")
    if isinstance(namespace, dict):
        namespace = namespace["uri"]
    # The answers of these two have a namespace which their models give for requests only.
    namespace = namespace or {"s3": "http://s3.amazonaws.com/doc/2006-03-01/",
                              "route53": "https://route53.amazonaws.com/doc/2013-04-01/"}.get(name, "")
    service = {
        "k": "service",
        "name": name,
        "protocol": metadata["protocol"],
        "jsonVersion": metadata.get("jsonVersion", ""),
        "targetPrefix": metadata.get("targetPrefix", ""),
        "apiVersion": metadata["apiVersion"],
        "endpointPrefix": metadata["endpointPrefix"],
        "signingName": metadata.get("signingName", metadata["endpointPrefix"]),
        "xmlNamespace": namespace,
        # S3 and STS have a global endpoint too, but are regional services.
        "global": "globalEndpoint" in metadata and name not in ("s3", "sts"),
    }
    writer = ServiceWriter(name, model)
    kept = select(name, model, words)
    operations = [writer.operation(operation, model["operations"][operation]) for operation in kept]
    writer.emit(service)
    for record in writer.kept.values():
        writer.emit(record)
    for record in operations:
        writer.emit(record)
    for waiter, description in waiters.items():
        if description["operation"] in kept:
            writer.emit({"k": "waiter", "n": waiter, "op": description["operation"], "delay": description["delay"],
                         "max": description["maxAttempts"], "acceptors": description["acceptors"]})
    for operation, description in paginators.items():
        if operation not in kept:
            continue

        def strings(key):
            value = description.get(key, [])
            return value if isinstance(value, list) else [value]

        writer.emit({"k": "pages", "op": operation, "in": strings("input_token"), "out": strings("output_token"),
                     "more": description.get("more_results", ""), "keys": strings("result_key"),
                     "limit": description.get("limit_key", "")})
    service["operations"] = f" {' '.join(kept)} "
    return writer.lines, service


def load(loader, service, kind):
    """A copy of one of botocore's files, None when there is none."""
    try:
        return copy.deepcopy(loader.load_service_model(service, kind))
    except (UnknownServiceError, DataNotFoundError):
        return None


def write_if_changed(path, text):
    """Keeps the time stamp of a file that would not change, so that nothing is built again for it."""
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operations", required=True)
    parser.add_argument("--overlay", required=True)
    parser.add_argument("--output", required=True, help="directory")
    arguments = parser.parse_args()

    loader = Loader()
    services = read_operations(arguments.operations)
    with open(arguments.overlay, encoding="utf-8") as file:
        overlay = json.load(file)
    overlay.pop("//", None)
    unknown = sorted(set(overlay) - set(services))
    if unknown:
        raise ModelError(f"{arguments.overlay} describes {', '.join(unknown)}, of which operations.txt keeps nothing")

    os.makedirs(arguments.output, exist_ok=True)
    source = ['#include "aws/model/embedded.h"\n', "\n", "// Written by tools/embed_models.py.\n", "\n"]
    rows = []
    for name, words in sorted(services.items()):
        model = load(loader, name, "service-2")
        if model is None:
            raise ModelError(f"the installed botocore has no service {name}")
        extra = overlay.get(name, {})
        waiters = merge((load(loader, name, "waiters-2") or {}).get("waiters", {}), extra.get("waiters", {}))
        paginators = merge((load(loader, name, "paginators-1") or {}).get("pagination", {}),
                           extra.get("pagination", {}))
        apply_overlay(model, extra)
        lines, service = compact(name, model, words, waiters, paginators)
        path = os.path.abspath(os.path.join(arguments.output, f"{name}.jsonl"))
        text = "\n".join(lines) + "\n"
        write_if_changed(path, text)
        # The object depends on this file only, so a change of a model has to show in it.
        source.append(f"// {hashlib.sha256(text.encode()).hexdigest()}\n")
        symbol = "adhoc_model_" + re.sub(r"[^a-z0-9]", "_", name)
        source.append(f'asm(".section .rodata\\n{symbol}:\\n.incbin \\"{path}\\"\\n{symbol}_end:\\n.byte 0\\n.previous\\n");\n')
        source.append(f'extern "C" const char {symbol}[], {symbol}_end[];\n')
        rows.append("    {" + ", ".join(json.dumps(service[key]) for key in
                                        ("name", "targetPrefix", "signingName", "endpointPrefix", "apiVersion",
                                         "operations")) +
                    f", {symbol}, {symbol}_end}},\n")
    source.append("\nnamespace adhoc::aws {\n\n")
    source.append("const EmbeddedModel kEmbeddedModels[] = {\n" + "".join(rows) + "};\n")
    source.append(f"const std::size_t kEmbeddedModelCount = {len(rows)};\n")
    source.append("\n}  // namespace adhoc::aws\n")
    write_if_changed(os.path.join(arguments.output, "embedded_models.cc"), "".join(source))


if __name__ == "__main__":
    try:
        main()
    except ModelError as error:
        sys.exit(f"embed_models: {error}")
