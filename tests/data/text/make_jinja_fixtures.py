#!/usr/bin/env python3
"""Makes jinja.fixtures: snippets of chat templates, and what Jinja2 makes of them when it is set as transformers sets it.

usage: make_jinja_fixtures.py        (pip install jinja2==3.1.6)

Each line is a JSON object: "template", "variables", and "output", or "error": true where Jinja2 refuses.
"""

import json
import os
from datetime import datetime

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = os.path.dirname(os.path.abspath(__file__))
NOW = datetime(2026, 11, 30, 9, 5, 7)


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("write"), [], [], body).set_lineno(line)

    def write(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "  Hi there \n"},
    {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHello",
     "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"x": 1, "y": [True, None, 1.5]}}}]},
    {"role": "tool", "content": "42"},
    {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What é is it?"}]},
]
TOOLS = [{"type": "function", "function": {"name": "f", "description": "Says <b> & 'ü' \"q\"\n", "parameters": {
    "type": "object", "properties": {"x": {"type": "integer", "enum": [1, 2]}}, "required": ["x"]}}}]
DATA = {"messages": MESSAGES, "tools": TOOLS, "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": True,
        "n": 7, "text": "Ünïcödé tëxt", "empty": "", "nums": [3, 1, 2], "words": ["b", "A", "c", "a"],
        "d": {"b": 1, "a": 2, "items": 3}, "yes": True, "nothing": None, "f": 2.5}

WHITE_SPACE = """a {{ 1 }} b
 {% if true %} x {% endif %} y
{% if true -%}   z {%- endif %}
   {%+ if true %}k{% endif +%}
  {# c #}
end {#- gone -#} here
 {{- ' l' -}}
   m
|a{% set x = 1 %}
b|{% raw %} {{ no }} {% endraw %}
   {% raw -%}   {% x {%- endraw %}  |
  {%- for i in [1, 2] %}
    {{ i }}
  {%- endfor %}

{% for i in [1, 2] %}
  {{ i }}
{% endfor %}
\ttab {% if 1 %}q{% endif %}
	{% if 1 %}
q
	{% endif %}
 last
"""

EXPRESSIONS = """
1 + 2 * 3 - 4 / 2
7 // 2, -7 // 2, 7 % 3, -7 % 3, 7 % -3, 2 ** 10, 2 ** -1, -2 ** 2
7.5 // 2, -7.5 % 2, 1e3, 1_000, 2.5e-7, 1e16, 123456789012345.6, 1e22, 0.1 + 0.2
1 / 3, 10 / 5, 3 * 'ab', 'ab' * 2, [1] + [2], (1, 2) + (3,)
'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1, 'x'] ~ undefined_thing
1 < 2 < 3, 1 < 2 > 3, 1 == 1.0, true == 1, 'a' < 'b', [1, 2] < [1, 3], 'a' != 'b', none == none
not true, not not 1, true and 0, 0 or 'x', 1 and 2 or 3, false or none
1 if true else 2, 1 if false else 2, (1 if false), 'a' if 0 else 'b' if 0 else 'c'
'a' in 'cat', 'x' not in 'cat', 1 in [1, 2], 'a' in d, 'z' in d, not 'a' in 'b', 3 not in nums
nums[0], nums[-1], nums[9], nums[1:], nums[::-1], nums[:-1], nums[-2:], nums[5:], nums[::2], nums[2:0:-1]
text[0], text[-1], text[1:4], text[::-1], text[:3], text[20:], text[-4:-1], text[99]
d.a, d['b'], d['items'], d.zzz, d['zzz'], messages[0].role, messages[0]['content']
messages[-1].content[1].text, messages[::-1][0].role, messages[1:][0].role, messages[4]['content'][0]['type']
nothing.x, nothing['x'], nothing
{'a': 1, 'b': [1, 2], 3: none}, (1,), (), [], {}, [1, (2, 'x')], 'it\\'s', ["it's", 'q"', 'b\\\\n', 'l\\n\\t\\x01']
'a' 'b' "c", 'tab\\t\\u00e9\\x41\\101\\q'
yes is true, yes is false, 1 is true, nothing is none, nothing is not none, zz is defined, zz is not defined, n is defined
text is string, n is string, n is number, n is integer, f is float, yes is boolean, yes is number, yes is integer
d is mapping, nums is mapping, nums is iterable, text is iterable, n is iterable, d is sequence, nums is sequence, n is sequence
zz is iterable, zz is sequence, zz is undefined, d.zzz is defined, messages[0].tool_calls is defined
3 is odd, 4 is even, 9 is divisibleby 3, 9 is divisibleby(2), 1 is eq 1, 2 is gt 1, 2 is in [1, 2], 2 is not in [1], 'a' is lower, 'A' is upper
range is callable, n is callable, none is sameas none, 1 is sameas true, 2 is ge(2), 2 is lessthan 3, 2 is ne 2
n is defined and n > 5, zz is defined or n, not zz is defined, n is number and not yes is string
' x '.strip(), '--x-'.strip('-'), 'xxa'.lstrip('x'), 'axx'.rstrip('x'), '\\n a\\n'.strip('\\n') | length, ' \\u3000é '.strip()
'a,b,,c'.split(','), ' a  b '.split(), 'a b c'.split(' ', 1), 'a b c d'.split(none, 2), 'a.b.c'.rsplit('.', 1), ''.split(), ''.split(',')
'<think>x</think>y'.split('</think>')[-1], '<think>x</think>y'.split('</think>')[0].split('<think>')[-1]
'abc'.startswith('ab'), 'abc'.endswith('bc'), 'abc'.startswith(('x', 'a')), 'abc'.startswith(''), 'abc'.endswith('abcd')
'aXbX'.replace('X', '--'), 'aXbX'.replace('X', '', 1), 'abc'.replace('', '-'), 'aaa'.replace('aa', 'b')
'Äb'.upper(), 'ÄB'.lower(), 'hello wORLD it\\'s'.title(), 'hELLO wORLD'.capitalize(), '-'.join(['a', 'b']), ''.join([])
'abcabc'.find('c'), 'abc'.find('x'), 'éab'.find('a'), 'abcabc'.rfind('c'), 'abcabc'.count('bc'), 'abc'.index('b'), 'ab'.count('')
'12'.isdigit(), ''.isdigit(), 'aé'.isalpha(), 'a1'.isalnum(), ' \\t'.isspace(), 'AB1'.isupper(), 'ab'.islower(), 'Ab'.islower()
'prefix-x'.removeprefix('prefix-'), 'x.txt'.removesuffix('.txt'), 'a=b=c'.partition('='), 'a=b=c'.rpartition('='), 'abc'.partition('x')
'a\\nb\\r\\nc'.splitlines(), 'a\\n'.splitlines(true), '{} {} {x} {{}}'.format(1, 2, x=3), '{1}{0}'.format('a', 'b'), '%s-%d%%' % ('a', 3), '%s' % 'x'
d.get('a'), d.get('zz'), d.get('zz', 5), d.keys() | list, d.values() | list, d.items() | list
nums.index(1), nums.count(2), nums | length, text | length, d | length, zz | length, '' | count
text | upper, text | lower, 'foo bar-baz (qux)' | title, 'fOO' | capitalize, '  x ' | trim, 'xxaxx' | trim('x'), 'a-a' | replace('a', 'b'), 'aaa' | replace('a', 'b', 2)
nums | first, nums | last, [] | first, nums | join, nums | join(', '), words | join('|'), messages | join(',', attribute='role')
nums | sort, nums | sort(reverse=true), words | sort, words | sort(case_sensitive=true), nums | reverse | list, 'abc' | reverse
messages | map(attribute='role') | list, words | map('upper') | join, nums | map('string') | list, messages | map(attribute='zz', default='-') | list
messages | selectattr('role', 'equalto', 'user') | list | length, messages | rejectattr('role', '==', 'user') | map(attribute='role') | join(' ')
messages | selectattr('tool_calls', 'defined') | list | length, messages | selectattr('tool_calls') | list | length, nums | select('odd') | list, nums | reject('gt', 1) | list, [0, 1, ''] | select | list
messages | rejectattr('tool_calls', 'defined') | map(attribute='role') | list, messages | selectattr('role', 'in', ['tool', 'system']) | map(attribute='role') | list
words | unique | list, nums | min, nums | max, words | min, nums | sum, messages | map(attribute='role') | unique | list, [] | max
'12' | int, '12x' | int, 'x' | int(5), 3.9 | int, -3.9 | int, '3.7' | int, 'ff' | int(0, 16), true | int, '1.5' | float, 'x' | float, 2 | float
2.5 | round, 3.5 | round, 2.567 | round(2), 2.1 | round(0, 'ceil'), 2.9 | round(method='floor'), 42 | round, -3 | abs, -2.5 | abs
zz | default('x'), '' | default('x'), '' | default('x', true), none | default('x'), n | d(1), zz | default, none | d('y', boolean=true)
n | string, none | string, [1] | string, 'abc' | list, d | list, d | dictsort, d | dictsort(by='value'), d | dictsort(reverse=true), d | items | list
('<a href="x">&\\'</a>' | escape) ~ '', 'a\\nb\\n\\nc' | indent, 'a\\nb' | indent(2, true), 'a\\n\\nb' | indent(2, blank=true), 'a\\nb' | indent('> ')
tools | tojson
tools | tojson(indent=2)
{'a': [], 'b': {}, 'c': 'é\\u2028\\x7f', 'd': 1.0, 'e': none, 'f': true, 2: 'k', none: 1, true: 0} | tojson
[1, {'b': 1, 'a': 2}] | tojson(indent=4, sort_keys=true), [1, 2] | tojson(separators=(',', ':')), 'é' | tojson(ensure_ascii=true), '😀' | tojson(true), [] | tojson(indent=1)
messages[2].tool_calls[0].function.arguments | tojson, messages[2].tool_calls[0].function.arguments, 'x' | tojson, 3 | tojson
range(3) | list, range(1, 7, 2) | list, range(3, 0, -1) | list, dict(a=1, b=2), dict([('x', 1)], y=2), dict({'a': 1}, a=2)
namespace(a=1).a, namespace({'b': 2}).b, namespace(a=1).zz
strftime_now('%Y-%m-%d'), strftime_now('%d %b %Y'), strftime_now('%A %B %H:%M:%S %I %p %j %y %%')
'x' | upper ~ 'y' | lower, -n | abs, (1, 2) | join, n.real is defined and false, 'a' | upper in 'ABC'
"é" < "z", "a" < "B", [1, 2] == [1, 2], {'a': 1} == {'a': 1.0}, (1,) == [1], [] == none, zz == none, zz == yy
zz, zz ~ 'x', zz | upper, (zz | default([])) | length, '' is none, 0 is none, zz is none
1 if zz else 2, [zz, 1] | list | length, zz in [1], 'a' in zz
3 == 3 and 4 != 5 or false, 1 + 1 == 2, 'a' + 'b' == 'ab', (1 + 2) * 3, 2 - -2, +3, - 3, 10 - 3 - 2, 2 ** 3 ** 2
""".strip("\n").split("\n")

ERRORS = [
    "{{ zz.x }}", "{{ zz.x.y }}", "{{ zz['x'] }}", "{{ 'a' + 1 }}", "{{ 1 + 'a' }}", "{{ 1 < 'a' }}", "{{ zz + 1 }}", "{{ 1 / 0 }}",
    "{{ 1 % 0 }}", "{{ n() }}", "{{ zz() }}", "{{ text.zz() }}", "{{ nums.append(1) }}", "{{ d.update({}) }}", "{{ d.pop('a') }}",
    "{{ raise_exception('no') }}", "{{ 1 | zz }}", "{{ 1 is zz }}", "{% for x in 5 %}{% endfor %}", "{% for a, b in [1] %}{% endfor %}",
    "{% for a, b in [[1, 2, 3]] %}{% endfor %}", "{% if %}", "{% if 1 %}", "{% endif %}", "{% for x in %}{% endfor %}", "{% for in x %}",
    "{{ }}", "{{ 1 + }}", "{{ (1 }}", "{{ 1) }}", "{{ [1 }}", "{{ {1} }}", "{{ 'a }}", "{{ 1 2 }}", "{% set = 1 %}", "{% set x %}",
    "{% set 1 = 2 %}", "{% macro %}{% endmacro %}", "{% macro m( %}", "{% zz %}", "{% %}", "{{ a.1b }}", "{{ a. }}", "{{ a | }}", "{{ a is }}",
    "{# no end", "{% raw %} no end", "{{ no end", "{% if 1 %}{% for x in y %}{% endif %}{% endfor %}", "{% break %}", "{% continue %}",
    "{{ a $ b }}", "{% set x.y = 1 %}", "{% set nums.y = 1 %}", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{% endmacro %}{{ m(b=1) }}", "{{ range(0, 5, 0) }}", "{{ zz | tojson }}", "{{ [1, 'a'] | sort }}", "{{ ''.join([1]) }}",
    "{{ 'a'.split('') }}", "{{ 'a' in 5 }}", "{{ 1 in 'a' }}", "{% else %}", "{% elif x %}", "{% for x in [1] recursive %}{{ loop() }}",
    "{{ loop.index }}", "{% macro m(a=1, b) %}{% endmacro %}", "{{ f(a=1, 2) }}", "{{ d | sum }}", "{{ 5 | length }}", "{{ n | first }}",
    "{% set true = 1 %}", "{{ 'x' is string is string }}", "{{ nums[::0] }}",
]

STATEMENTS = [
    "{% for m in messages %}{{ loop.index }}/{{ loop.length }}:{{ m.role }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for x in nums %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.previtem }}{{ loop.nextitem }} {% endfor %}",
    "{% for x in nums if x > 1 %}{{ x }}{{ loop.length }}{% else %}none{% endfor %}|{% for x in [] %}x{% else %}none{% endfor %}",
    "{% for x in zz %}x{% else %}none{% endfor %}{% for c in 'aé' %}[{{ c }}]{% endfor %}{% for k in d %}{{ k }}{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k, v in d | dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for (a, b), c in [[[1, 2], 3]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for x in range(10) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in [1, 2] %}{% for y in [3, 4] %}{{ loop.index }}{% if y == 3 %}{% continue %}{% endif %}{{ x }}{{ y }} {% endfor %}{{ loop.index }}{% endfor %}",
    "{% for x in nums %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }}{% endfor %}",
    "{% for x in [[1, [2, [3]]], 4] recursive %}{% if x is iterable %}({{ loop.depth }}{{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}",
    "{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}{% if true %}{% set x = 3 %}{% endif %}{{ x }}",
    "{% for i in [1, 2, 3] %}{% if loop.first %}{% set x = i %}{% endif %}[{{ x }}]{% endfor %}",
    "{% set ns = namespace(found=false, n=0) %}{% for i in nums %}{% set ns.n = ns.n + i %}{% if i == 1 %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }} {{ ns.n }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, d) = [3, 4] %}{{ c }}{{ d }}{% set t = 1, %}{{ t }}",
    "{% set x %}block {{ n }}{% endset %}[{{ x }}]{% set y | upper | trim %} abc {% endset %}[{{ y }}]",
    "{% set loop_messages = messages[1:] if messages[0].role == 'system' else messages %}{{ loop_messages | length }}",
    "{% macro m(a, b='x', c=none) %}<{{ a }}{{ b }}{{ c }}>{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(1, c=3) }}{{ m(b=1, a=2) }}{{ m() }}",
    "{% macro outer(x) %}{% macro inner(y) %}{{ x }}{{ y }}{% endmacro %}{{ inner(1) }}{{ inner(2) }}{% endmacro %}{{ outer('a') }}",
    "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}",
    "{% macro box() %}[{{ caller('x') }}]{% endmacro %}{% call(v) box() %}in {{ v }} {{ n }}{% endcall %}",
    "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, z=4) }}",
    "{% set x = 1 %}{% macro m() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ m() }}",
    "{% filter upper %}abc {{ text }}{% endfilter %}{% filter trim | replace('a', 'b') %} aa {% endfilter %}|",
    "{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a }}{% with %}{% set q = 1 %}{% endwith %}{{ q }}",
    "{% generation %}{{ n }}{% endgeneration %}",
    "{% if n > 10 %}a{% elif n > 5 %}b{% elif n > 6 %}c{% else %}d{% endif %}{% if zz %}a{% elif nothing %}b{% else %}c{% endif %}",
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] | trim %}{% else %}{% set system = '' %}{% endif %}<<{{ system }}>>",
    "{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}\n{%- for message in messages[::-1] %}\n    {%- set index = (messages|length - 1) - loop.index0 %}\n    {%- if ns.multi_step_tool and message.role == \"user\" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}\n        {%- set ns.multi_step_tool = false %}\n        {%- set ns.last_query_index = index %}\n    {%- endif %}\n{%- endfor %}\n{{ ns.last_query_index }}",
    "{%- for message in messages %}\n    {%- if message.content is string %}\n        {%- set content = message.content %}\n    {%- else %}\n        {%- set content = '' %}\n    {%- endif %}\n    {%- if '</think>' in content %}\n        {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}\n        {%- set content = content.split('</think>')[-1].lstrip('\\n') %}\n        {{- '(' + reasoning + ')' + content }}\n    {%- endif %}\n{%- endfor %}",
    # Llama 2, Mistral, Llama 3, ChatML in our words.
    "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' %}{% else %}{% set rest = messages %}{% set system = false %}{% endif %}{% for m in rest %}{% if m['role'] == 'user' and m['content'] is string %}{% set content = (system + m['content']) if loop.index0 == 0 and system != false else m['content'] %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'].strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
    "{{ bos_token }}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 1) %}{{ '!' }}{% endif %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' + (m['content'] | string | trim) + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}",
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + (message['content'] if message['content'] is string else 'parts') + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    "{%- for tool in tools %}\n    {%- set tool = tool.function if tool.function is defined else tool %}\n    {{- '\\n' ~ tool.name ~ ': ' ~ tool.description | trim }}\n    {%- for name, p in tool.parameters.properties | items %}\n        {{- '\\n- ' + name + ' ' + p.type + (' [' + p.enum | join('|') + ']' if p.enum else '') }}\n    {%- endfor %}\n{%- endfor %}",
    "{%- if not date_string is defined %}{%- set date_string = strftime_now('%d %b %Y') %}{%- endif %}{{ date_string }}",
    "{% set image_count = namespace(value=0) %}{% for m in messages %}{% if m.content is not string %}{% for c in m.content %}{% if c.type == 'image' or 'image' in c %}{% set image_count.value = image_count.value + 1 %}Picture {{ image_count.value }}: {% endif -%}\n  <|x|>{% endfor %}{% endif %}{% endfor %}",
    "{{ [messages, tools] | map('length') | list }}{{ (messages | last).role }}{{ messages | length > 3 }}",
    "{{ n if n is defined else 'x' }}{{ '' if not zz else zz }}{{ (n | string) + 'a' }}{{ n|string+'b' }}",
    "\r\na\r\nb\rc\n\n", "", "\n", "\n\n", "a\n", "{{ 'x' }}\n", "{% if 1 %}\n\n{% endif %}\n\n",
]


def main():
    env = environment()
    templates = [WHITE_SPACE] + ["{{ [" + e + "] }}" for e in EXPRESSIONS] + STATEMENTS
    # Values one by one, as text.
    templates += ["{{ " + e + " }}" for e in EXPRESSIONS if "," not in e]
    with open(os.path.join(HERE, "jinja.fixtures"), "w", encoding="utf-8") as out:
        out.write(json.dumps(DATA, ensure_ascii=False) + "\n")
        for template in templates:
            try:
                line = {"template": template, "output": env.from_string(template).render(**DATA)}
            except Exception as e:
                raise SystemExit(f"{template}: {type(e).__name__} {e}")
            if "<built-in" in line["output"] or " object at " in line["output"]:
                raise SystemExit(f"not the same everywhere: {template}: {line['output']}")
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
        for template in ERRORS:
            try:
                env.from_string(template).render(**DATA)
            except Exception:
                out.write(json.dumps({"template": template, "error": True}, ensure_ascii=False) + "\n")
            else:
                raise SystemExit(f"no error: {template}")


if __name__ == "__main__":
    main()
