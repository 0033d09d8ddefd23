"""What ``vms stream`` says."""

from collections.abc import Mapping

EN: Mapping[str, str] = {
    "stream.help": "Streams: sign an address, change the keys that sign.",
    "stream.sign.help": "Sign an address that opens one session of a stream within five minutes.",
    "stream.rotate.help": "Let a new key sign; addresses of the old one run out by themselves.",
    "argument.stream": "CAMERA, CAMERA/main or CAMERA/sub.",
    "stream.signed": (
        "Opens {stream} by WHEP once, until {until}, as Authorization: Bearer\n{address}"
    ),
    "stream.rotated": "The key {id} signs within ten seconds.",
    "error.camera_unknown": "there is no camera {camera}.",
}

PT: Mapping[str, str] = {
    "stream.help": "Fluxos: assinar um endereço, trocar as chaves que assinam.",
    "stream.sign.help": "Assina um endereço que abre uma sessão de um fluxo em até cinco minutos.",
    "stream.rotate.help": "Uma chave nova passa a assinar; endereços da antiga expiram sozinhos.",
    "argument.stream": "CÂMERA, CÂMERA/main ou CÂMERA/sub.",
    "stream.signed": (
        "Abre {stream} por WHEP uma vez, até {until}, como Authorization: Bearer\n{address}"
    ),
    "stream.rotated": "A chave {id} assina em até dez segundos.",
    "error.camera_unknown": "não há a câmera {camera}.",
}

ES: Mapping[str, str] = {
    "stream.help": "Flujos: firmar una dirección, cambiar las claves que firman.",
    "stream.sign.help": "Firma una dirección que abre una sesión de un flujo en cinco minutos.",
    "stream.rotate.help": "Una clave nueva firma; las direcciones de la antigua vencen solas.",
    "argument.stream": "CÁMARA, CÁMARA/main o CÁMARA/sub.",
    "stream.signed": (
        "Abre {stream} por WHEP una vez, hasta {until}, como Authorization: Bearer\n{address}"
    ),
    "stream.rotated": "La clave {id} firma en diez segundos.",
    "error.camera_unknown": "no existe la cámara {camera}.",
}
