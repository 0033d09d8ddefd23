"""What ``vms audit`` says, and what is said of the audit's errors."""

from collections.abc import Mapping

EN: Mapping[str, str] = {
    "audit.help": "The audit: verify, export, key.",
    "audit.verify.help": (
        "Check every line and seal, in the database or in an exported file. "
        "Exit code 0: proved; 6: broken; 3: intact, signer unknown."
    ),
    "audit.export.help": "Write a city's sealed chain into a file that can be verified anywhere.",
    "audit.key.help": "Print the public keys that seal, with their fingerprints.",
    "argument.audit_to": "File to write.",
    "option.audit_file": "Verify this export instead of the database.",
    "option.audit_city": "The city; without it the platform's own chain, or all when verifying.",
    "option.fingerprint": "Fingerprint of a key that seals with --file. May be repeated.",
    "audit.proved": "{city}: proved. {lines} lines, {seals} seals; {waiting} lines wait.",
    "audit.unknown": "{city}: intact, signer unknown. {lines} lines, {seals} seals.",
    "audit.broken": "{city}: BROKEN, {faults} faults. {lines} lines, {seals} seals.",
    "audit.more": "and {count} more",
    "audit.exported": "Export written: {file} ({kib} KiB).",
    "audit.key.none": "Nothing was sealed yet, so there is no key.",
    "audit.key.used": "sealed by the key {fingerprint}",
    "audit.fault.line_changed": "line {first} was changed (id {about})",
    "audit.fault.line_missing": "lines {first} to {last} are missing",
    "audit.fault.lines_swapped": "lines {first} and {last} were swapped",
    "audit.fault.line_repeated": "number {first} is there twice (id {about})",
    "audit.fault.line_unsealed": "lines {first} to {last} have no seal that can be trusted",
    "audit.fault.address_changed": "the address of line {first} was changed (id {about})",
    "audit.fault.address_missing": (
        "the address of line {first} is missing, though {about} was never erased"
    ),
    "audit.fault.person_changed": "the name of {about} was changed",
    "audit.fault.person_missing": "the name of {about} is missing, though it was never erased",
    "audit.fault.seal_forged": "seal {first} was changed or forged",
    "audit.fault.seal_missing": "seals {first} to {last} are missing",
    "audit.fault.seal_key_unknown": "seal {first} is of a key that is not known: {about}",
    "audit.fault.head_differs": "lines {first} to {last} do not lead to their seal",
    "audit.fault.tail_cut": "the end is cut off: lines {first} to {last} were sealed",
    "audit.fault.end_missing": "the file has no end: it was cut off after line {first}",
    "audit.fault.file_changed": "the file was changed: {about}",
    "error.audit_broken": "the audit is broken in {cities}: {count} faults.",
    "error.audit_signer_unknown": (
        "intact, but by whom it was sealed is unknown: give --fingerprint, which vms audit key "
        "prints on the machine that sealed."
    ),
    "error.audit_file_missing": "{file}: there is no such file.",
    "error.audit_file_exists": "{file} is there already; an export replaces nothing.",
    "error.audit_file_unknown": "this file is not an export of the audit.",
    "error.audit_file_format": "this export has the unknown format {format}.",
    "error.audit_fingerprint_invalid": (
        "{fingerprint} is not a fingerprint: write the 64 hex digits that vms audit key prints."
    ),
    "error.audit_heads_damaged": (
        "{file} is damaged; when nothing else is wrong, remove it and it is written anew."
    ),
    "error.secret_key_missing": "there is no secret key: neither {file} nor VMS_SECRET_KEY.",
}

PT: Mapping[str, str] = {
    "audit.help": "A auditoria: verificar, exportar, chave.",
    "audit.verify.help": (
        "Verifica cada linha e cada selo, no banco de dados ou num arquivo exportado. "
        "Código de saída 0: provado; 6: quebrado; 3: íntegro, signatário desconhecido."
    ),
    "audit.export.help": (
        "Grava a cadeia selada de uma cidade num arquivo que pode ser verificado em qualquer lugar."
    ),
    "audit.key.help": "Mostra as chaves públicas que selam, com as impressões digitais.",
    "argument.audit_to": "Arquivo a gravar.",
    "option.audit_file": "Verifica esta exportação em vez do banco de dados.",
    "option.audit_city": (
        "A cidade; sem ela a cadeia da própria plataforma, ou todas ao verificar."
    ),
    "option.fingerprint": (
        "Impressão digital de uma chave que sela, com --file. Pode ser repetida."
    ),
    "audit.proved": "{city}: provado. {lines} linhas, {seals} selos; {waiting} linhas esperam.",
    "audit.unknown": "{city}: íntegro, signatário desconhecido. {lines} linhas, {seals} selos.",
    "audit.broken": "{city}: QUEBRADO, {faults} falhas. {lines} linhas, {seals} selos.",
    "audit.more": "e mais {count}",
    "audit.exported": "Exportação gravada: {file} ({kib} KiB).",
    "audit.key.none": "Nada foi selado ainda, portanto não há chave.",
    "audit.key.used": "selado pela chave {fingerprint}",
    "audit.fault.line_changed": "a linha {first} foi alterada (id {about})",
    "audit.fault.line_missing": "faltam as linhas {first} a {last}",
    "audit.fault.lines_swapped": "as linhas {first} e {last} foram trocadas",
    "audit.fault.line_repeated": "o número {first} aparece duas vezes (id {about})",
    "audit.fault.line_unsealed": "as linhas {first} a {last} não têm selo confiável",
    "audit.fault.address_changed": "o endereço da linha {first} foi alterado (id {about})",
    "audit.fault.address_missing": (
        "falta o endereço da linha {first}, embora {about} nunca tenha sido apagado"
    ),
    "audit.fault.person_changed": "o nome de {about} foi alterado",
    "audit.fault.person_missing": "falta o nome de {about}, embora nunca tenha sido apagado",
    "audit.fault.seal_forged": "o selo {first} foi alterado ou forjado",
    "audit.fault.seal_missing": "faltam os selos {first} a {last}",
    "audit.fault.seal_key_unknown": "o selo {first} é de uma chave desconhecida: {about}",
    "audit.fault.head_differs": "as linhas {first} a {last} não levam ao seu selo",
    "audit.fault.tail_cut": ("o fim foi cortado: as linhas {first} a {last} estavam seladas"),
    "audit.fault.end_missing": "o arquivo não tem fim: foi cortado após a linha {first}",
    "audit.fault.file_changed": "o arquivo foi alterado: {about}",
    "error.audit_broken": "a auditoria está quebrada em {cities}: {count} falhas.",
    "error.audit_signer_unknown": (
        "íntegro, mas não se sabe por quem foi selado: informe --fingerprint, que vms audit key "
        "mostra na máquina que selou."
    ),
    "error.audit_file_missing": "{file}: não existe esse arquivo.",
    "error.audit_file_exists": "{file} já existe; uma exportação não substitui nada.",
    "error.audit_file_unknown": "este arquivo não é uma exportação da auditoria.",
    "error.audit_file_format": "esta exportação tem o formato desconhecido {format}.",
    "error.audit_fingerprint_invalid": (
        "{fingerprint} não é uma impressão digital: escreva os 64 dígitos hexadecimais que "
        "vms audit key mostra."
    ),
    "error.audit_heads_damaged": (
        "{file} está danificado; se nada mais estiver errado, remova-o e será gravado de novo."
    ),
    "error.secret_key_missing": "não há chave secreta: nem {file} nem VMS_SECRET_KEY.",
}

ES: Mapping[str, str] = {
    "audit.help": "La auditoría: verificar, exportar, clave.",
    "audit.verify.help": (
        "Verifica cada línea y cada sello, en la base de datos o en un archivo exportado. "
        "Código de salida 0: probado; 6: roto; 3: íntegro, firmante desconocido."
    ),
    "audit.export.help": (
        "Escribe la cadena sellada de una ciudad en un archivo que se verifica en cualquier lugar."
    ),
    "audit.key.help": "Muestra las claves públicas que sellan, con sus huellas.",
    "argument.audit_to": "Archivo que se escribe.",
    "option.audit_file": "Verifica esta exportación en lugar de la base de datos.",
    "option.audit_city": (
        "La ciudad; sin ella la cadena de la propia plataforma, o todas al verificar."
    ),
    "option.fingerprint": "Huella de una clave que sella, con --file. Se puede repetir.",
    "audit.proved": "{city}: probado. {lines} líneas, {seals} sellos; {waiting} líneas esperan.",
    "audit.unknown": "{city}: íntegro, firmante desconocido. {lines} líneas, {seals} sellos.",
    "audit.broken": "{city}: ROTO, {faults} fallos. {lines} líneas, {seals} sellos.",
    "audit.more": "y {count} más",
    "audit.exported": "Exportación escrita: {file} ({kib} KiB).",
    "audit.key.none": "Aún no se selló nada, así que no hay clave.",
    "audit.key.used": "sellado por la clave {fingerprint}",
    "audit.fault.line_changed": "la línea {first} fue cambiada (id {about})",
    "audit.fault.line_missing": "faltan las líneas {first} a {last}",
    "audit.fault.lines_swapped": "las líneas {first} y {last} fueron intercambiadas",
    "audit.fault.line_repeated": "el número {first} está dos veces (id {about})",
    "audit.fault.line_unsealed": "las líneas {first} a {last} no tienen un sello fiable",
    "audit.fault.address_changed": "la dirección de la línea {first} fue cambiada (id {about})",
    "audit.fault.address_missing": (
        "falta la dirección de la línea {first}, aunque {about} nunca fue borrado"
    ),
    "audit.fault.person_changed": "el nombre de {about} fue cambiado",
    "audit.fault.person_missing": "falta el nombre de {about}, aunque nunca fue borrado",
    "audit.fault.seal_forged": "el sello {first} fue cambiado o falsificado",
    "audit.fault.seal_missing": "faltan los sellos {first} a {last}",
    "audit.fault.seal_key_unknown": "el sello {first} es de una clave desconocida: {about}",
    "audit.fault.head_differs": "las líneas {first} a {last} no llevan a su sello",
    "audit.fault.tail_cut": ("el final fue cortado: las líneas {first} a {last} estaban selladas"),
    "audit.fault.end_missing": "el archivo no tiene final: fue cortado tras la línea {first}",
    "audit.fault.file_changed": "el archivo fue cambiado: {about}",
    "error.audit_broken": "la auditoría está rota en {cities}: {count} fallos.",
    "error.audit_signer_unknown": (
        "íntegro, pero no se sabe quién lo selló: indique --fingerprint, que vms audit key "
        "muestra en la máquina que selló."
    ),
    "error.audit_file_missing": "{file}: no existe ese archivo.",
    "error.audit_file_exists": "{file} ya existe; una exportación no reemplaza nada.",
    "error.audit_file_unknown": "este archivo no es una exportación de la auditoría.",
    "error.audit_file_format": "esta exportación tiene el formato desconocido {format}.",
    "error.audit_fingerprint_invalid": (
        "{fingerprint} no es una huella: escriba los 64 dígitos hexadecimales que muestra "
        "vms audit key."
    ),
    "error.audit_heads_damaged": (
        "{file} está dañado; si nada más está mal, quítelo y se escribirá de nuevo."
    ),
    "error.secret_key_missing": "no hay clave secreta: ni {file} ni VMS_SECRET_KEY.",
}
