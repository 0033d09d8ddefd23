"""What the command line says, in three languages. The language follows LANG.

Every language has the same keys with the same places to fill; a test holds
that. Errors have texts under ``error.CODE``; an error without one is said in
the English words it carries.
"""

import os
from collections.abc import Mapping

from vms.cli import (
    texts_audit,
    texts_db,
    texts_node,
    texts_people,
    texts_recording,
    texts_stream,
    texts_verify,
)
from vms.common import VmsError

EN: Mapping[str, str] = {
    **texts_audit.EN,
    **texts_db.EN,
    **texts_node.EN,
    **texts_people.EN,
    **texts_recording.EN,
    **texts_stream.EN,
    **texts_verify.EN,
    "app.help": "VMS Enterprise: any IP camera, live in a browser within milliseconds.",
    "up.help": "Run everything on this machine: media, API and web page.",
    "demo.help": "Run everything with simulated cameras.",
    "run.help": "Run one role in the foreground: media or api.",
    "config.help": "Settings: show, check, example.",
    "config.show.help": "Print the settings that hold; passwords are masked.",
    "config.check.help": "Check the settings and say what is wrong.",
    "config.example.help": "Print an example vms.toml with every default.",
    "simulate.help": "Serve simulated cameras by RTSP.",
    "simulate.fault.help": "Tell or set what a simulated camera that runs does wrong.",
    "version.help": "Print the version.",
    "option.data": "Data folder; everything is kept under it.",
    "option.no_record": "Record nothing.",
    "option.open": "Ask nobody for a name, keep nothing. Only on loopback.",
    "option.camera": "Add a camera: ID=URL or ID=URL,SUB_URL. May be repeated.",
    "option.port": "TCP port of page and API; 0 picks a free one.",
    "option.rtsp_port": "TCP port of RTSP; 0 picks a free one.",
    "option.rtmp_port": "TCP port of RTMP; 0 picks a free one.",
    "option.srt_port": "UDP port of SRT; 0 picks a free one.",
    "option.webrtc_port": "TCP port of WHEP; 0 picks a free one.",
    "option.webrtc_udp_port": "UDP port of WebRTC; 0 picks a free one.",
    "option.hls_port": "TCP port of HLS; 0 picks a free one.",
    "option.log_level": "The least that is logged: debug, info, warning or error.",
    "option.log_format": "auto, human or json.",
    "option.json": "Print data as JSON.",
    "option.cameras": "How many simulated cameras.",
    "option.codec": "h264, h265, av1, vp8, vp9, mjpeg or mpeg4.",
    "option.size": "Size of the main stream: 720p, 1080p or 4k.",
    "option.key_interval": "Seconds from one key frame to the next.",
    "option.host": "Address to listen on.",
    "option.simulator_port": "TCP port of the simulated cameras; 0 picks a free one.",
    "option.user": "User name that the simulated cameras ask for.",
    "option.password": "Password that the simulated cameras ask for.",
    "option.fault": "Put a fault on a camera: N=FAULT. May be repeated.",
    "option.audio": "Give the simulated cameras sound: a beep each second.",
    "argument.role": "media or api.",
    "argument.camera_url": (
        "rtsp://HOST:PORT/cam1 for a camera, /cam1/main or /cam1/sub for one stream, / for all."
    ),
    "argument.fault": "What is wrong: {faults}. Without it, what is set is told.",
    "up.ready": (
        "VMS Enterprise is ready.\n"
        "  Page    {api}\n"
        "  RTSP    {rtsp}/CAMERA[/sub]\n"
        "  WHEP    {webrtc}/CAMERA[/sub]/whep\n"
        "  HLS     {hls}/CAMERA[/sub]/index.m3u8\n"
        "  Data    {data}\n"
        "Ctrl-C stops it."
    ),
    "up.certificate": (
        "The certificate was made here, so a browser warns of it once. Compare its SHA-256:\n"
        "  {fingerprint}"
    ),
    "up.open": "Open mode: anyone on this machine can watch.",
    "up.setup": (
        "There is no admin yet. Within 30 minutes, open this link once to become it:\n"
        "  {setup}\n"
        "It is kept in {data}/setup-link too. Without a browser: vms admin create."
    ),
    "demo.people": (
        "The wall at once, by a link for one use:\n  {enter}\n"
        "Or sign in as one of these (login, password, secret of the authenticator):"
    ),
    "demo.person": "  {login:<13} {password}  {secret}",
    "demo.ready": (
        "To see a camera fail: {command} simulate fault {simulator}/cam1 stall\n"
        "and heal again:       {command} simulate fault {simulator}/cam1 none"
    ),
    "simulate.ready": (
        "{count} simulated cameras: rtsp://{rtsp}/cam1 to cam{count}, "
        "sub-streams at /camN/sub. Ctrl-C stops them."
    ),
    "scenes.making": "Making the scenes of the simulated cameras (once)",
    "version.line": "VMS Enterprise {version}, engine {engine}",
    "version.engine_missing": "not built",
    "config.fine": "{data}: the settings are fine, {count} cameras.",
    "error.line": "Error: {message}",
    "error.open_over_admin": (
        "{data} has an admin: --open would let everybody in; start without --open, "
        "or choose another --data."
    ),
    "error.admin_needed": (
        "{key} = {value}: only loopback is allowed before there is an admin with a second factor; "
        "make one with vms admin create."
    ),
    "error.open_behind_proxy": (
        "{key}: with --open the server cannot stand behind a proxy, which would let anybody in."
    ),
    "error.certificate_unreadable": "{file} cannot be read as a certificate in PEM.",
    "error.not_loopback": "{key} = {value}: with --open only loopback is allowed (127.0.0.1, ::1).",
    "error.role_unknown": "there is no role {role}; so far there are: {roles}.",
    "error.role_later": "the role {role} comes later; so far there are: {roles}.",
    "error.size_unknown": "size {value}: allowed are {allowed}.",
    "error.fault_invalid": "--fault {value}: write N=FAULT, such as 2=stall.",
    "error.fault_request": "{url}: give an address such as rtsp://127.0.0.1:8654/cam1.",
    "error.fault_unknown": "no such fault: {value}. There are: {allowed}.",
    "error.simulator_silent": "no simulated camera answers at {url}.",
    "error.simulator_elsewhere": "{url} takes commands from its own machine only.",
    "error.simulated_camera_unknown": "{url}: there is no such simulated camera.",
    "error.data_in_use": "another vms up runs on {data}; stop it or choose another --data.",
    "error.config_refused": "the settings are refused:{problems}",
    "error.config_unknown_environment": "unknown environment variable: {names}.",
    "error.data_folder": "the data folder {data} cannot be made.",
}

PT: Mapping[str, str] = {
    **texts_audit.PT,
    **texts_db.PT,
    **texts_node.PT,
    **texts_people.PT,
    **texts_recording.PT,
    **texts_stream.PT,
    **texts_verify.PT,
    "app.help": "VMS Enterprise: qualquer câmera IP, ao vivo no navegador em milissegundos.",
    "up.help": "Roda tudo nesta máquina: mídia, API e página.",
    "demo.help": "Roda tudo com câmeras simuladas.",
    "run.help": "Roda um papel em primeiro plano: media ou api.",
    "config.help": "Configuração: mostrar, conferir, exemplo.",
    "config.show.help": "Mostra a configuração que vale; senhas são escondidas.",
    "config.check.help": "Confere a configuração e diz o que está errado.",
    "config.example.help": "Mostra um vms.toml de exemplo com todos os padrões.",
    "simulate.help": "Serve câmeras simuladas por RTSP.",
    "simulate.fault.help": "Diz ou muda a falha de uma câmera simulada em execução.",
    "version.help": "Mostra a versão.",
    "option.data": "Pasta de dados; tudo fica dentro dela.",
    "option.no_record": "Não grava nada.",
    "option.open": "Não pede nome a ninguém, não guarda nada. Só em loopback.",
    "option.camera": "Acrescenta uma câmera: ID=URL ou ID=URL,SUB_URL. Pode repetir.",
    "option.port": "Porta TCP da página e da API; 0 escolhe uma livre.",
    "option.rtsp_port": "Porta TCP do RTSP; 0 escolhe uma livre.",
    "option.rtmp_port": "Porta TCP do RTMP; 0 escolhe uma livre.",
    "option.srt_port": "Porta UDP do SRT; 0 escolhe uma livre.",
    "option.webrtc_port": "Porta TCP do WHEP; 0 escolhe uma livre.",
    "option.webrtc_udp_port": "Porta UDP do WebRTC; 0 escolhe uma livre.",
    "option.hls_port": "Porta TCP do HLS; 0 escolhe uma livre.",
    "option.log_level": "O mínimo que vai para o log: debug, info, warning ou error.",
    "option.log_format": "auto, human ou json.",
    "option.json": "Mostra os dados como JSON.",
    "option.cameras": "Quantas câmeras simuladas.",
    "option.codec": "h264, h265, av1, vp8, vp9, mjpeg ou mpeg4.",
    "option.size": "Tamanho do fluxo principal: 720p, 1080p ou 4k.",
    "option.key_interval": "Segundos de um quadro-chave ao seguinte.",
    "option.host": "Endereço em que escuta.",
    "option.simulator_port": "Porta TCP das câmeras simuladas; 0 escolhe uma livre.",
    "option.user": "Usuário que as câmeras simuladas pedem.",
    "option.password": "Senha que as câmeras simuladas pedem.",
    "option.fault": "Põe uma falha numa câmera: N=FALHA. Pode repetir.",
    "option.audio": "Dá som às câmeras simuladas: um bipe por segundo.",
    "argument.role": "media ou api.",
    "argument.camera_url": (
        "rtsp://HOST:PORTA/cam1 para uma câmera, /cam1/main ou /cam1/sub para um fluxo, "
        "/ para todas."
    ),
    "argument.fault": "O que está errado: {faults}. Sem ele, diz o que vale.",
    "up.ready": (
        "O VMS Enterprise está pronto.\n"
        "  Página  {api}\n"
        "  RTSP    {rtsp}/CÂMERA[/sub]\n"
        "  WHEP    {webrtc}/CÂMERA[/sub]/whep\n"
        "  HLS     {hls}/CÂMERA[/sub]/index.m3u8\n"
        "  Dados   {data}\n"
        "Ctrl-C encerra."
    ),
    "up.certificate": (
        "O certificado foi feito aqui; o navegador avisa uma vez. Compare o SHA-256 dele:\n"
        "  {fingerprint}"
    ),
    "up.open": "Modo aberto: qualquer um nesta máquina pode assistir.",
    "up.setup": (
        "Ainda não há administrador. Em até 30 minutos, abra este link uma vez para sê-lo:\n"
        "  {setup}\n"
        "Ele está também em {data}/setup-link. Sem navegador: vms admin create."
    ),
    "demo.people": (
        "O mural já, por um link de um só uso:\n  {enter}\n"
        "Ou entre como um destes (usuário, senha, segredo do autenticador):"
    ),
    "demo.person": "  {login:<13} {password}  {secret}",
    "demo.ready": (
        "Para ver uma câmera falhar: {command} simulate fault {simulator}/cam1 stall\n"
        "e voltar:                   {command} simulate fault {simulator}/cam1 none"
    ),
    "simulate.ready": (
        "{count} câmeras simuladas: rtsp://{rtsp}/cam1 a cam{count}, "
        "subfluxos em /camN/sub. Ctrl-C encerra."
    ),
    "scenes.making": "Criando as cenas das câmeras simuladas (uma vez)",
    "version.line": "VMS Enterprise {version}, motor {engine}",
    "version.engine_missing": "não compilado",
    "config.fine": "{data}: a configuração está certa, {count} câmeras.",
    "error.line": "Erro: {message}",
    "error.open_over_admin": (
        "{data} tem um administrador: --open deixaria qualquer um entrar; inicie sem --open "
        "ou escolha outro --data."
    ),
    "error.admin_needed": (
        "{key} = {value}: só loopback é permitido antes de haver um administrador com segundo "
        "fator; crie um com vms admin create."
    ),
    "error.open_behind_proxy": (
        "{key}: com --open o servidor não pode ficar atrás de um proxy, "
        "que deixaria qualquer um entrar."
    ),
    "error.certificate_unreadable": "{file} não pode ser lido como certificado em PEM.",
    "error.not_loopback": "{key} = {value}: com --open só loopback é permitido (127.0.0.1, ::1).",
    "error.role_unknown": "não há o papel {role}; por ora há: {roles}.",
    "error.role_later": "o papel {role} vem mais tarde; por ora há: {roles}.",
    "error.size_unknown": "tamanho {value}: são permitidos {allowed}.",
    "error.fault_invalid": "--fault {value}: escreva N=FALHA, como 2=stall.",
    "error.fault_request": "{url}: dê um endereço como rtsp://127.0.0.1:8654/cam1.",
    "error.fault_unknown": "não há a falha {value}. Há: {allowed}.",
    "error.simulator_silent": "nenhuma câmera simulada responde em {url}.",
    "error.simulator_elsewhere": "{url} só aceita comandos da própria máquina.",
    "error.simulated_camera_unknown": "{url}: não há essa câmera simulada.",
    "error.data_in_use": "outro vms up roda em {data}; encerre-o ou escolha outro --data.",
    "error.config_refused": "a configuração foi recusada:{problems}",
    "error.config_unknown_environment": "variável de ambiente desconhecida: {names}.",
    "error.data_folder": "a pasta de dados {data} não pode ser criada.",
}

ES: Mapping[str, str] = {
    **texts_audit.ES,
    **texts_db.ES,
    **texts_node.ES,
    **texts_people.ES,
    **texts_recording.ES,
    **texts_stream.ES,
    **texts_verify.ES,
    "app.help": "VMS Enterprise: cualquier cámara IP, en vivo en el navegador en milisegundos.",
    "up.help": "Ejecuta todo en esta máquina: medios, API y página.",
    "demo.help": "Ejecuta todo con cámaras simuladas.",
    "run.help": "Ejecuta un papel en primer plano: media o api.",
    "config.help": "Configuración: mostrar, comprobar, ejemplo.",
    "config.show.help": "Muestra la configuración vigente; las contraseñas se ocultan.",
    "config.check.help": "Comprueba la configuración y dice qué está mal.",
    "config.example.help": "Muestra un vms.toml de ejemplo con todos los valores por defecto.",
    "simulate.help": "Sirve cámaras simuladas por RTSP.",
    "simulate.fault.help": "Dice o cambia el fallo de una cámara simulada en marcha.",
    "version.help": "Muestra la versión.",
    "option.data": "Carpeta de datos; todo se guarda en ella.",
    "option.no_record": "No graba nada.",
    "option.open": "No pide nombre a nadie, no guarda nada. Solo en loopback.",
    "option.camera": "Añade una cámara: ID=URL o ID=URL,SUB_URL. Se puede repetir.",
    "option.port": "Puerto TCP de la página y la API; 0 elige uno libre.",
    "option.rtsp_port": "Puerto TCP de RTSP; 0 elige uno libre.",
    "option.rtmp_port": "Puerto TCP de RTMP; 0 elige uno libre.",
    "option.srt_port": "Puerto UDP de SRT; 0 elige uno libre.",
    "option.webrtc_port": "Puerto TCP de WHEP; 0 elige uno libre.",
    "option.webrtc_udp_port": "Puerto UDP de WebRTC; 0 elige uno libre.",
    "option.hls_port": "Puerto TCP de HLS; 0 elige uno libre.",
    "option.log_level": "Lo mínimo que se registra: debug, info, warning o error.",
    "option.log_format": "auto, human o json.",
    "option.json": "Muestra los datos como JSON.",
    "option.cameras": "Cuántas cámaras simuladas.",
    "option.codec": "h264, h265, av1, vp8, vp9, mjpeg o mpeg4.",
    "option.size": "Tamaño del flujo principal: 720p, 1080p o 4k.",
    "option.key_interval": "Segundos de un fotograma clave al siguiente.",
    "option.host": "Dirección en la que escucha.",
    "option.simulator_port": "Puerto TCP de las cámaras simuladas; 0 elige uno libre.",
    "option.user": "Usuario que piden las cámaras simuladas.",
    "option.password": "Contraseña que piden las cámaras simuladas.",
    "option.fault": "Pone un fallo en una cámara: N=FALLO. Se puede repetir.",
    "option.audio": "Da sonido a las cámaras simuladas: un pitido por segundo.",
    "argument.role": "media o api.",
    "argument.camera_url": (
        "rtsp://HOST:PUERTO/cam1 para una cámara, /cam1/main o /cam1/sub para un flujo, "
        "/ para todas."
    ),
    "argument.fault": "Qué está mal: {faults}. Sin él, dice lo que vale.",
    "up.ready": (
        "VMS Enterprise está listo.\n"
        "  Página  {api}\n"
        "  RTSP    {rtsp}/CÁMARA[/sub]\n"
        "  WHEP    {webrtc}/CÁMARA[/sub]/whep\n"
        "  HLS     {hls}/CÁMARA[/sub]/index.m3u8\n"
        "  Datos   {data}\n"
        "Ctrl-C lo detiene."
    ),
    "up.certificate": (
        "El certificado se hizo aquí; el navegador avisa una vez. Compare su SHA-256:\n"
        "  {fingerprint}"
    ),
    "up.open": "Modo abierto: cualquiera en esta máquina puede mirar.",
    "up.setup": (
        "Aún no hay administrador. Dentro de 30 minutos, abra este enlace una vez para serlo:\n"
        "  {setup}\n"
        "También está en {data}/setup-link. Sin navegador: vms admin create."
    ),
    "demo.people": (
        "El muro ya, por un enlace de un solo uso:\n  {enter}\n"
        "O entre como uno de estos (usuario, contraseña, secreto del autenticador):"
    ),
    "demo.person": "  {login:<13} {password}  {secret}",
    "demo.ready": (
        "Para ver fallar una cámara: {command} simulate fault {simulator}/cam1 stall\n"
        "y volver:                   {command} simulate fault {simulator}/cam1 none"
    ),
    "simulate.ready": (
        "{count} cámaras simuladas: rtsp://{rtsp}/cam1 a cam{count}, "
        "subflujos en /camN/sub. Ctrl-C las detiene."
    ),
    "scenes.making": "Creando las escenas de las cámaras simuladas (una vez)",
    "version.line": "VMS Enterprise {version}, motor {engine}",
    "version.engine_missing": "no compilado",
    "config.fine": "{data}: la configuración es correcta, {count} cámaras.",
    "error.line": "Error: {message}",
    "error.open_over_admin": (
        "{data} tiene un administrador: --open dejaría entrar a cualquiera; inicie sin --open "
        "o elija otro --data."
    ),
    "error.admin_needed": (
        "{key} = {value}: solo se permite loopback antes de haber un administrador con segundo "
        "factor; cree uno con vms admin create."
    ),
    "error.open_behind_proxy": (
        "{key}: con --open el servidor no puede estar detrás de un proxy, "
        "que dejaría entrar a cualquiera."
    ),
    "error.certificate_unreadable": "{file} no se puede leer como certificado en PEM.",
    "error.not_loopback": "{key} = {value}: con --open solo se permite loopback (127.0.0.1, ::1).",
    "error.role_unknown": "no existe el papel {role}; por ahora hay: {roles}.",
    "error.role_later": "el papel {role} llega más tarde; por ahora hay: {roles}.",
    "error.size_unknown": "tamaño {value}: se permiten {allowed}.",
    "error.fault_invalid": "--fault {value}: escriba N=FALLO, como 2=stall.",
    "error.fault_request": "{url}: dé una dirección como rtsp://127.0.0.1:8654/cam1.",
    "error.fault_unknown": "no hay el fallo {value}. Hay: {allowed}.",
    "error.simulator_silent": "ninguna cámara simulada responde en {url}.",
    "error.simulator_elsewhere": "{url} solo acepta órdenes de su propia máquina.",
    "error.simulated_camera_unknown": "{url}: no existe esa cámara simulada.",
    "error.data_in_use": "otro vms up usa {data}; deténgalo o elija otro --data.",
    "error.config_refused": "la configuración fue rechazada:{problems}",
    "error.config_unknown_environment": "variable de entorno desconocida: {names}.",
    "error.data_folder": "no se puede crear la carpeta de datos {data}.",
}

CATALOGUE: Mapping[str, Mapping[str, str]] = {"en": EN, "es": ES, "pt": PT}


class Texts:
    """The catalogue in one language."""

    def __init__(self, language: str) -> None:
        self.language = language if language in CATALOGUE else "en"
        self._texts = CATALOGUE[self.language]

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its places filled."""
        return self._texts[key].format(**values) if values else self._texts[key]

    def error(self, error: VmsError) -> str:
        """Return what an error says to a person."""
        words = self._texts.get(f"error.{error.code}")
        message = words.format_map(error.values) if words is not None else error.message
        return self("error.line", message=message)


def language_of(environ: Mapping[str, str] | None = None) -> str:
    """Return the language that the environment asks for, such as ``pt``."""
    found = os.environ if environ is None else environ
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := found.get(name):
            return value.partition("_")[0].partition(".")[0].lower()
    return "en"
