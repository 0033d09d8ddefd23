"""What ``vms verify`` says. States and reasons are those of the page that verifies offline."""

from collections.abc import Mapping

EN: Mapping[str, str] = {
    "verify.help": (
        "Prove recordings and exports as they lie on disk: files, folders, ZIPs. Exit "
        "status 0: intact; 1: damaged or not proved; 2: cannot be read."
    ),
    "argument.proved": "Hour files, folders of recordings, exports, ZIPs or manifests.",
    "option.trusted": "The key that is to have sealed: its fingerprint, or a file with it in PEM.",
    "option.master_keys": "Folder with the keys of encrypted recordings (master-NAME.key).",
    "verify.password": "Password of the ZIP",
    "verify.verdict.intact": "intact",
    "verify.verdict.unproved": "not proved",
    "verify.verdict.damaged": "damaged",
    "verify.verdict.unreadable": "cannot be read",
    "verify.about": "{city} / {camera}, {fragments} fragments",
    "verify.fragment": "fragment {first}",
    "verify.fragments": "fragments {first} to {last}",
    "verify.unknown": (
        "Who signed is not known: give --key with a fingerprint that you have from elsewhere."
    ),
    "verify.sum": (
        "{things} proved: {intact} intact, {unproved} not proved, {damaged} damaged, "
        "{unreadable} cannot be read."
    ),
    "verify.no_engine": "the compiled engine is missing, which verifies.",
    "error.fingerprint_invalid": (
        "{value} is neither a fingerprint of 64 hexadecimal digits nor a file with a key."
    ),
    "error.key_file_invalid": "{file} holds no key of the kind that is needed.",
    "verify.state.intact": "intact",
    "verify.state.rebuilt": "intact, index made again",
    "verify.state.removed": "removed",
    "verify.state.unsealed": "not sealed",
    "verify.state.unread": "encrypted, not read",
    "verify.state.missing": "missing",
    "verify.state.changed": "changed",
    "verify.state.against_hold": "removed against a hold",
    "verify.why.file_missing": "the file is not there",
    "verify.why.file_torn": "bytes are torn or changed",
    "verify.why.header_other": "it is of another camera or part",
    "verify.why.not_in_index": "the index lacks it",
    "verify.why.records_missing": "records before it are missing",
    "verify.why.ledger_chain": "the record does not follow the one before",
    "verify.why.key_unknown": "its key is not one that is trusted",
    "verify.why.signature_wrong": "its signature is wrong",
    "verify.why.signature_missing": "the signature is not there",
    "verify.why.not_listed": "the signed list does not name it",
    "verify.why.seals_missing": "seals before it are missing",
    "verify.why.seal_before_other": "it names another seal before",
    "verify.why.chain_broken": "it does not follow the one before",
    "verify.why.chain_unknown": "what it follows is not there",
    "verify.why.seal_end_other": "it is not the last one that the seal names",
    "verify.why.root_other": "it is not what was sealed",
    "verify.why.no_seal": "no seal covers it yet",
    "verify.why.not_explained": "no record says why",
    "verify.why.boxes_other": "its boxes were changed",
    "verify.why.record_other": "video and index differ",
    "verify.why.samples_other": "pictures or sound were changed",
    "verify.why.tag_wrong": "the encrypted bytes were changed",
    "verify.why.no_key": "the key to open it was not given",
    "verify.why.file_hash_other": "the file is not the one that was closed or exported",
    "verify.why.count_other": "the number of fragments differs",
    "verify.why.sums_other": "the file of checksums differs",
    "verify.why.removed_by": "by a signed record",
    "verify.why.times_other": "its times were changed",
    "verify.why.proof_wrong": "its seal does not prove it",
    "verify.why.left_out": "left out of the export",
    "verify.why.blocks_other": "it holds frames that the manifest does not name",
    "verify.why.derived": "the file was made from it and is not the recording itself",
}

PT: Mapping[str, str] = {
    "verify.help": (
        "Prova gravações e exportações como estão no disco: arquivos, pastas, ZIPs. "
        "Código 0: íntegro; 1: danificado ou não provado; 2: não se pode ler."
    ),
    "argument.proved": "Arquivos de hora, pastas de gravações, exportações, ZIPs ou manifestos.",
    "option.trusted": (
        "A chave que deve ter selado: a impressão digital, ou um arquivo com ela em PEM."
    ),
    "option.master_keys": "Pasta com as chaves de gravações cifradas (master-NOME.key).",
    "verify.password": "Senha do ZIP",
    "verify.verdict.intact": "íntegro",
    "verify.verdict.unproved": "não provado",
    "verify.verdict.damaged": "danificado",
    "verify.verdict.unreadable": "ilegível",
    "verify.about": "{city} / {camera}, {fragments} fragmentos",
    "verify.fragment": "fragmento {first}",
    "verify.fragments": "fragmentos {first} a {last}",
    "verify.unknown": (
        "Não se sabe quem assinou: informe --key com uma impressão digital obtida por outro meio."
    ),
    "verify.sum": (
        "{things} provados: {intact} íntegros, {unproved} não provados, {damaged} "
        "danificados, {unreadable} ilegíveis."
    ),
    "verify.no_engine": "falta o motor compilado, que verifica.",
    "error.fingerprint_invalid": (
        "{value} não é uma impressão digital de 64 dígitos hexadecimais nem um arquivo "
        "com uma chave."
    ),
    "error.key_file_invalid": "{file} não contém uma chave do tipo necessário.",
    "verify.state.intact": "íntegro",
    "verify.state.rebuilt": "íntegro, índice refeito",
    "verify.state.removed": "removido",
    "verify.state.unsealed": "sem selo",
    "verify.state.unread": "cifrado, não lido",
    "verify.state.missing": "falta",
    "verify.state.changed": "alterado",
    "verify.state.against_hold": "removido apesar de retenção",
    "verify.why.file_missing": "o arquivo não está aqui",
    "verify.why.file_torn": "bytes rasgados ou alterados",
    "verify.why.header_other": "é de outra câmera ou parte",
    "verify.why.not_in_index": "não está no índice",
    "verify.why.records_missing": "faltam registros antes dele",
    "verify.why.ledger_chain": "o registro não segue o anterior",
    "verify.why.key_unknown": "sua chave não é de confiança",
    "verify.why.signature_wrong": "sua assinatura está errada",
    "verify.why.signature_missing": "falta a assinatura",
    "verify.why.not_listed": "a lista assinada não o nomeia",
    "verify.why.seals_missing": "faltam selos antes dele",
    "verify.why.seal_before_other": "nomeia outro selo anterior",
    "verify.why.chain_broken": "não segue o anterior",
    "verify.why.chain_unknown": "falta aquilo que ele segue",
    "verify.why.seal_end_other": "não é o último que o selo nomeia",
    "verify.why.root_other": "não é o que foi selado",
    "verify.why.no_seal": "nenhum selo o cobre ainda",
    "verify.why.not_explained": "nenhum registro diz por quê",
    "verify.why.boxes_other": "suas caixas foram alteradas",
    "verify.why.record_other": "vídeo e índice diferem",
    "verify.why.samples_other": "imagens ou som foram alterados",
    "verify.why.tag_wrong": "os bytes cifrados foram alterados",
    "verify.why.no_key": "não foi dada a chave para abri-lo",
    "verify.why.file_hash_other": "o arquivo não é o que foi fechado ou exportado",
    "verify.why.count_other": "o número de fragmentos difere",
    "verify.why.sums_other": "o arquivo de somas difere",
    "verify.why.removed_by": "por um registro assinado",
    "verify.why.times_other": "seus tempos foram alterados",
    "verify.why.proof_wrong": "seu selo não o prova",
    "verify.why.left_out": "deixado fora da exportação",
    "verify.why.blocks_other": "contém quadros que o manifesto não nomeia",
    "verify.why.derived": "o arquivo foi feito a partir dele e não é a própria gravação",
}

ES: Mapping[str, str] = {
    "verify.help": (
        "Prueba grabaciones y exportaciones tal como están en el disco: archivos, "
        "carpetas, ZIP. Código 0: íntegro; 1: dañado o sin probar; 2: no se puede leer."
    ),
    "argument.proved": (
        "Archivos de hora, carpetas de grabaciones, exportaciones, ZIP o manifiestos."
    ),
    "option.trusted": "La clave que debe haber sellado: su huella, o un archivo con ella en PEM.",
    "option.master_keys": "Carpeta con las claves de grabaciones cifradas (master-NOMBRE.key).",
    "verify.password": "Contraseña del ZIP",
    "verify.verdict.intact": "íntegro",
    "verify.verdict.unproved": "sin probar",
    "verify.verdict.damaged": "dañado",
    "verify.verdict.unreadable": "ilegible",
    "verify.about": "{city} / {camera}, {fragments} fragmentos",
    "verify.fragment": "fragmento {first}",
    "verify.fragments": "fragmentos {first} a {last}",
    "verify.unknown": (
        "No se sabe quién firmó: indique --key con una huella obtenida por otro medio."
    ),
    "verify.sum": (
        "{things} probados: {intact} íntegros, {unproved} sin probar, {damaged} dañados, "
        "{unreadable} ilegibles."
    ),
    "verify.no_engine": "falta el motor compilado, que verifica.",
    "error.fingerprint_invalid": (
        "{value} no es una huella de 64 dígitos hexadecimales ni un archivo con una clave."
    ),
    "error.key_file_invalid": "{file} no contiene una clave del tipo necesario.",
    "verify.state.intact": "íntegro",
    "verify.state.rebuilt": "íntegro, índice rehecho",
    "verify.state.removed": "eliminado",
    "verify.state.unsealed": "sin sello",
    "verify.state.unread": "cifrado, no leído",
    "verify.state.missing": "falta",
    "verify.state.changed": "alterado",
    "verify.state.against_hold": "eliminado pese a una retención",
    "verify.why.file_missing": "el archivo no está aquí",
    "verify.why.file_torn": "bytes rotos o alterados",
    "verify.why.header_other": "es de otra cámara o parte",
    "verify.why.not_in_index": "no está en el índice",
    "verify.why.records_missing": "faltan registros antes de él",
    "verify.why.ledger_chain": "el registro no sigue al anterior",
    "verify.why.key_unknown": "su clave no es de confianza",
    "verify.why.signature_wrong": "su firma es errónea",
    "verify.why.signature_missing": "falta la firma",
    "verify.why.not_listed": "la lista firmada no lo nombra",
    "verify.why.seals_missing": "faltan sellos antes de él",
    "verify.why.seal_before_other": "nombra otro sello anterior",
    "verify.why.chain_broken": "no sigue al anterior",
    "verify.why.chain_unknown": "falta aquello que sigue",
    "verify.why.seal_end_other": "no es el último que nombra el sello",
    "verify.why.root_other": "no es lo que se selló",
    "verify.why.no_seal": "ningún sello lo cubre todavía",
    "verify.why.not_explained": "ningún registro dice por qué",
    "verify.why.boxes_other": "sus cajas fueron alteradas",
    "verify.why.record_other": "vídeo e índice difieren",
    "verify.why.samples_other": "imágenes o sonido fueron alterados",
    "verify.why.tag_wrong": "los bytes cifrados fueron alterados",
    "verify.why.no_key": "no se dio la clave para abrirlo",
    "verify.why.file_hash_other": "el archivo no es el que se cerró o exportó",
    "verify.why.count_other": "el número de fragmentos difiere",
    "verify.why.sums_other": "el archivo de sumas difiere",
    "verify.why.removed_by": "por un registro firmado",
    "verify.why.times_other": "sus tiempos fueron alterados",
    "verify.why.proof_wrong": "su sello no lo prueba",
    "verify.why.left_out": "dejado fuera de la exportación",
    "verify.why.blocks_other": "contiene fotogramas que el manifiesto no nombra",
    "verify.why.derived": "el archivo se hizo a partir de él y no es la propia grabación",
}
