"""What Prometheus' own Python library reads in metrics on standard input, as JSON: {family: {type, samples: [[name, labels, value]]}}.

    python3 parse.py openmetrics|text      dies with the library's words when it does not take them
"""
import json
import sys

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser as text

parser = {"openmetrics": openmetrics, "text": text}[sys.argv[1]]
families = {}
for family in parser.text_string_to_metric_families(sys.stdin.read()):
    families[family.name] = {"type": family.type, "unit": family.unit,
                             "samples": [[s.name, s.labels, s.value] for s in family.samples]}
print(json.dumps(families))
