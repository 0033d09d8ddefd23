"""What ``vms recording`` says."""

from collections.abc import Mapping

EN: Mapping[str, str] = {
    "recording.help": ("Recordings: what there is, whether it is genuine, how long it lasts."),
    "recording.list.help": "List parts and gaps, as they are on disk.",
    "recording.verify.help": (
        "Prove recordings of a camera. Exit code 0: proved; 6: broken; 3: intact, signer unknown."
    ),
    "recording.rebuild.help": (
        "Make lost indexes again from the video; what is made so is marked."
    ),
    "recording.check.help": "Read everything on disk and tell what is damaged.",
    "recording.catalogue.help": "Make the catalogue of the database anew from the disks.",
    "recording.keys.help": ("Print the keys that seal recordings, with their fingerprints."),
    "recording.rotate.help": ("Let a new key seal recordings; the one before vouches for it."),
    "recording.forecast.help": ("Tell for how many days disks and cameras last at this rate."),
    "argument.recorded": "The camera's id; absent: all.",
    "option.sub": "The sub-stream.",
    "option.from": "From this time of UTC on.",
    "option.to": "Up to this time of UTC.",
    "option.pem": "Print the keys in PEM too, which openssl reads.",
    "option.key": "Fingerprint of the key that is to have sealed.",
    "recording.listed": "{parts} parts, {gaps} gaps, {gib} GiB.",
    "recording.verified": (
        "{fragments} fragments, {seals} seals; {unsealed} fragments are not sealed yet."
    ),
    "recording.worked": "Done: {counts}. Findings: {findings}.",
    "recording.catalogued": "The catalogue was made anew: {count} cameras.",
    "recording.lasts": "{name}: at this rate {days} days.",
    "recording.lasts_unknown": "{name}: nothing is recorded, so nothing can be told.",
    "error.recording_broken": "recordings of {camera} are broken: {count} findings.",
    "error.recording_signer_unknown": (
        "intact, but it is not known by whom it was sealed: give --key, which vms "
        "recording keys prints on the machine that recorded."
    ),
    "error.media_down": (
        "the media process does not answer; is vms up running on this data folder?"
    ),
    "recording.volumes.help": "Tell the disks of recordings: state, what they hold, what is free.",
    "recording.holds.help": "List the holds as they are on disk.",
    "recording.clock.help": "Say that the clock is right: what is old is deleted by age again.",
    "option.dry_run": "Tell what the rules in force would remove now; nothing is removed.",
    "option.min_days": "Other rules: keep at least so many days. Nothing is changed.",
    "option.max_days": "Other rules: keep at most so many days. Nothing is changed.",
    "option.max_bytes": "Other rules: keep at most so many bytes a camera. Nothing is changed.",
    "recording.would_go": "{name}: {parts} parts would go, {gib} GiB ({reason}).",
    "recording.nothing_goes": "Nothing would go.",
    "recording.volume": "{name}  {path}  {state}: {gib} GiB recorded, {free} GiB free.",
    "recording.held": "{count} holds.",
    "recording.clock_stepped": (
        "The clock stepped by {seconds} s: nothing goes by age until vms recording confirm-clock."
    ),
    "recording.clock_confirmed": "The clock is confirmed.",
    "recording.clock_sure": "The clock was not in doubt.",
}

PT: Mapping[str, str] = {
    "recording.help": "Gravações: o que há, se é autêntico, quanto dura.",
    "recording.list.help": "Lista partes e lacunas, como estão no disco.",
    "recording.verify.help": (
        "Prova gravações de uma câmera. Código 0: provado; 6: quebrado; 3: íntegro, "
        "signatário desconhecido."
    ),
    "recording.rebuild.help": (
        "Refaz do vídeo os índices perdidos; o que é feito assim fica marcado."
    ),
    "recording.check.help": "Lê tudo o que está no disco e diz o que está danificado.",
    "recording.catalogue.help": "Refaz o catálogo do banco de dados a partir dos discos.",
    "recording.keys.help": ("Mostra as chaves que selam gravações, com as impressões digitais."),
    "recording.rotate.help": (
        "Uma chave nova passa a selar gravações; a anterior responde por ela."
    ),
    "recording.forecast.help": "Diz por quantos dias discos e câmeras duram neste ritmo.",
    "argument.recorded": "O id da câmera; sem ele: todas.",
    "option.sub": "O fluxo secundário.",
    "option.from": "A partir desta hora UTC.",
    "option.to": "Até esta hora UTC.",
    "option.pem": "Mostra as chaves também em PEM, que o openssl lê.",
    "option.key": "Impressão digital da chave que deve ter selado.",
    "recording.listed": "{parts} partes, {gaps} lacunas, {gib} GiB.",
    "recording.verified": (
        "{fragments} fragmentos, {seals} selos; {unsealed} fragmentos ainda sem selo."
    ),
    "recording.worked": "Feito: {counts}. Achados: {findings}.",
    "recording.catalogued": "O catálogo foi refeito: {count} câmeras.",
    "recording.lasts": "{name}: neste ritmo {days} dias.",
    "recording.lasts_unknown": "{name}: nada é gravado, nada se pode dizer.",
    "error.recording_broken": "gravações de {camera} estão quebradas: {count} achados.",
    "error.recording_signer_unknown": (
        "íntegro, mas não se sabe quem selou: informe --key, que vms recording keys "
        "mostra na máquina que gravou."
    ),
    "error.media_down": (
        "o processo de mídia não responde; o vms up está rodando nesta pasta de dados?"
    ),
    "recording.volumes.help": "Diz os discos de gravações: estado, o que contêm, o que está livre.",
    "recording.holds.help": "Lista as retenções como estão no disco.",
    "recording.clock.help": (
        "Diz que o relógio está certo: o que é velho volta a ser apagado por idade."
    ),
    "option.dry_run": "Diz o que as regras em vigor removeriam agora; nada é removido.",
    "option.min_days": "Outras regras: guardar ao menos tantos dias. Nada é mudado.",
    "option.max_days": "Outras regras: guardar no máximo tantos dias. Nada é mudado.",
    "option.max_bytes": "Outras regras: guardar no máximo tantos bytes por câmera. Nada é mudado.",
    "recording.would_go": "{name}: {parts} partes sairiam, {gib} GiB ({reason}).",
    "recording.nothing_goes": "Nada sairia.",
    "recording.volume": "{name}  {path}  {state}: {gib} GiB gravados, {free} GiB livres.",
    "recording.held": "{count} retenções.",
    "recording.clock_stepped": (
        "O relógio saltou {seconds} s: nada sai por idade até vms recording confirm-clock."
    ),
    "recording.clock_confirmed": "O relógio está confirmado.",
    "recording.clock_sure": "O relógio não estava em dúvida.",
}

ES: Mapping[str, str] = {
    "recording.help": "Grabaciones: qué hay, si es auténtico, cuánto dura.",
    "recording.list.help": "Lista partes y huecos, como están en el disco.",
    "recording.verify.help": (
        "Prueba grabaciones de una cámara. Código 0: probado; 6: roto; 3: íntegro, "
        "firmante desconocido."
    ),
    "recording.rebuild.help": (
        "Rehace del video los índices perdidos; lo hecho así queda marcado."
    ),
    "recording.check.help": "Lee todo lo que está en el disco y dice qué está dañado.",
    "recording.catalogue.help": ("Rehace el catálogo de la base de datos a partir de los discos."),
    "recording.keys.help": ("Muestra las claves que sellan grabaciones, con sus huellas."),
    "recording.rotate.help": ("Una clave nueva sella grabaciones; la anterior responde por ella."),
    "recording.forecast.help": ("Dice por cuántos días duran discos y cámaras a este ritmo."),
    "argument.recorded": "El id de la cámara; sin él: todas.",
    "option.sub": "El flujo secundario.",
    "option.from": "Desde esta hora UTC.",
    "option.to": "Hasta esta hora UTC.",
    "option.pem": "Muestra las claves también en PEM, que openssl lee.",
    "option.key": "Huella de la clave que debe haber sellado.",
    "recording.listed": "{parts} partes, {gaps} huecos, {gib} GiB.",
    "recording.verified": (
        "{fragments} fragmentos, {seals} sellos; {unsealed} fragmentos aún sin sello."
    ),
    "recording.worked": "Hecho: {counts}. Hallazgos: {findings}.",
    "recording.catalogued": "El catálogo se rehízo: {count} cámaras.",
    "recording.lasts": "{name}: a este ritmo {days} días.",
    "recording.lasts_unknown": "{name}: no se graba nada, nada se puede decir.",
    "error.recording_broken": ("las grabaciones de {camera} están rotas: {count} hallazgos."),
    "error.recording_signer_unknown": (
        "íntegro, pero no se sabe quién lo selló: indique --key, que vms recording keys "
        "muestra en la máquina que grabó."
    ),
    "error.media_down": (
        "el proceso de medios no responde; ¿corre vms up en esta carpeta de datos?"
    ),
    "recording.volumes.help": (
        "Dice los discos de grabaciones: estado, qué contienen, qué está libre."
    ),
    "recording.holds.help": "Lista las retenciones como están en el disco.",
    "recording.clock.help": "Dice que el reloj está bien: lo viejo vuelve a borrarse por edad.",
    "option.dry_run": "Dice qué quitarían ahora las reglas vigentes; no se quita nada.",
    "option.min_days": "Otras reglas: guardar al menos tantos días. No se cambia nada.",
    "option.max_days": "Otras reglas: guardar a lo sumo tantos días. No se cambia nada.",
    "option.max_bytes": (
        "Otras reglas: guardar a lo sumo tantos bytes por cámara. No se cambia nada."
    ),
    "recording.would_go": "{name}: se irían {parts} partes, {gib} GiB ({reason}).",
    "recording.nothing_goes": "No se iría nada.",
    "recording.volume": "{name}  {path}  {state}: {gib} GiB grabados, {free} GiB libres.",
    "recording.held": "{count} retenciones.",
    "recording.clock_stepped": (
        "El reloj saltó {seconds} s: nada se va por edad hasta vms recording confirm-clock."
    ),
    "recording.clock_confirmed": "El reloj está confirmado.",
    "recording.clock_sure": "El reloj no estaba en duda.",
}
