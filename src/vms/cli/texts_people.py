"""What ``vms admin`` and ``vms token`` say, and what is said of people's errors."""

from collections.abc import Mapping

EN: Mapping[str, str] = {
    "admin.help": "Admins and managers, without a browser.",
    "admin.create.help": "Make an admin of the platform, or with --city a manager of a city.",
    "admin.reset.help": "Set a new password; every session of the user ends.",
    "admin.rotate.help": "Make new signing keys; old ones count until what they signed expires.",
    "token.help": "API keys of the installation.",
    "token.create.help": "Make an API key; its token is shown once.",
    "token.list.help": "List the API keys.",
    "token.revoke.help": "Withdraw an API key.",
    "option.login": "Login of the user.",
    "option.name": "Name that people read.",
    "option.home": "City that the user belongs to; without it, the platform.",
    "option.second_factor": "Make a new second factor too.",
    "option.withdraw": "What the old keys signed counts no more: for keys that were stolen.",
    "option.role": "Role: admin, gestor, operador, visualizador, or the id of one of your own.",
    "option.scope": "Where: platform, city:CITY, group:CITY/GROUP or camera:CITY/CAMERA.",
    "option.days": "How many days it lasts.",
    "option.per_minute": "How many requests a minute it may make.",
    "argument.key": "Id of the key.",
    "admin.password": "Password",
    "admin.password_again": "Password again",
    "admin.created": (
        "{login} was made, with a second factor. Shown once:\n"
        "  Secret          {secret}\n"
        "  For the app     {url}\n"
        "  Recovery codes  {codes}"
    ),
    "admin.reset": "{login} has a new password; {sessions} sessions ended.",
    "admin.rotated": "There are new signing keys.",
    "token.created": "Key {id} lasts {days} days. Its token, shown once:\n{token}",
    "token.none": "There are no API keys.",
    "token.line": "{id}  {name}  {role}  {scope}  until {until}",
    "token.revoked": "Key {id} was withdrawn.",
    "error.password_length": "a password has {least} to {most} characters.",
    "error.password_known_bad": "this password is among the first that anybody tries.",
    "error.password_login": "the password is little more than the login.",
    "error.password_differs": "the two passwords differ.",
    "error.password_missing": "no password came: type it, or send it by standard input.",
    "error.login_invalid": (
        "a login has 1 to 64 of a-z, 0-9 and . _ @ + -, beginning with a letter or a digit."
    ),
    "error.login_taken": "the login {login} is taken.",
    "error.login_ambiguous": "the login {login} lives in several cities: name one by --city.",
    "error.login_unknown": "nobody has the login {login} there.",
    "error.name_invalid": "a name has 1 to 200 printable characters.",
    "error.scope_invalid": (
        "{scope} is not a scope: write platform, city:CITY, group:CITY/GROUP or camera:CITY/CAMERA."
    ),
    "error.user_role_unknown": "there is no role {id} there.",
    "error.role_platform_only": "the role {role} can be given on the platform only.",
    "error.city_unknown": "there is no city {city}.",
    "error.key_unknown": "there is no key {id}.",
    "error.number_out_of_range": "{field}: from {least} to {most}.",
    "error.quota_users": "the city can have no more users (limit {limit}, used {used}).",
}

PT: Mapping[str, str] = {
    "admin.help": "Administradores e gestores, sem navegador.",
    "admin.create.help": "Cria um admin da plataforma ou, com --city, um gestor de uma cidade.",
    "admin.reset.help": "Define uma senha nova; todas as sessões do usuário terminam.",
    "admin.rotate.help": (
        "Cria novas chaves de assinatura; as antigas valem até expirar o que assinaram."
    ),
    "token.help": "Chaves de API da instalação.",
    "token.create.help": "Cria uma chave de API; o token é mostrado uma só vez.",
    "token.list.help": "Lista as chaves de API.",
    "token.revoke.help": "Retira uma chave de API.",
    "option.login": "Login do usuário.",
    "option.name": "Nome que as pessoas leem.",
    "option.home": "Cidade a que o usuário pertence; sem ela, a plataforma.",
    "option.second_factor": "Cria também um segundo fator novo.",
    "option.withdraw": "O que as chaves antigas assinaram deixa de valer: para chaves roubadas.",
    "option.role": "Papel: admin, gestor, operador, visualizador ou o id de um papel próprio.",
    "option.scope": "Onde: platform, city:CIDADE, group:CIDADE/GRUPO ou camera:CIDADE/CÂMERA.",
    "option.days": "Quantos dias dura.",
    "option.per_minute": "Quantos pedidos por minuto pode fazer.",
    "argument.key": "Id da chave.",
    "admin.password": "Senha",
    "admin.password_again": "Senha de novo",
    "admin.created": (
        "{login} foi criado, com segundo fator. Mostrado uma só vez:\n"
        "  Segredo                 {secret}\n"
        "  Para o aplicativo       {url}\n"
        "  Códigos de recuperação  {codes}"
    ),
    "admin.reset": "{login} tem uma senha nova; {sessions} sessões terminaram.",
    "admin.rotated": "Há novas chaves de assinatura.",
    "token.created": "A chave {id} dura {days} dias. O token, mostrado uma só vez:\n{token}",
    "token.none": "Não há chaves de API.",
    "token.line": "{id}  {name}  {role}  {scope}  até {until}",
    "token.revoked": "A chave {id} foi retirada.",
    "error.password_length": "uma senha tem de {least} a {most} caracteres.",
    "error.password_known_bad": "esta senha está entre as primeiras que qualquer um tenta.",
    "error.password_login": "a senha é pouco mais que o login.",
    "error.password_differs": "as duas senhas são diferentes.",
    "error.password_missing": "não veio senha: digite-a ou envie-a pela entrada padrão.",
    "error.login_invalid": (
        "um login tem de 1 a 64 de a-z, 0-9 e . _ @ + -, começando por letra ou algarismo."
    ),
    "error.login_taken": "o login {login} já existe.",
    "error.login_ambiguous": "o login {login} existe em várias cidades: diga uma com --city.",
    "error.login_unknown": "ninguém tem o login {login} ali.",
    "error.name_invalid": "um nome tem de 1 a 200 caracteres visíveis.",
    "error.scope_invalid": (
        "{scope} não é um escopo: escreva platform, city:CIDADE, group:CIDADE/GRUPO ou "
        "camera:CIDADE/CÂMERA."
    ),
    "error.user_role_unknown": "não há papel {id} ali.",
    "error.role_platform_only": "o papel {role} só pode ser dado na plataforma.",
    "error.city_unknown": "não há cidade {city}.",
    "error.key_unknown": "não há chave {id}.",
    "error.number_out_of_range": "{field}: de {least} a {most}.",
    "error.quota_users": "a cidade não pode ter mais usuários (limite {limit}, em uso {used}).",
}

ES: Mapping[str, str] = {
    "admin.help": "Administradores y gestores, sin navegador.",
    "admin.create.help": "Crea un admin de la plataforma o, con --city, un gestor de una ciudad.",
    "admin.reset.help": "Pone una contraseña nueva; todas las sesiones del usuario terminan.",
    "admin.rotate.help": (
        "Crea claves de firma nuevas; las viejas valen hasta que expire lo que firmaron."
    ),
    "token.help": "Claves de API de la instalación.",
    "token.create.help": "Crea una clave de API; el token se muestra una sola vez.",
    "token.list.help": "Muestra las claves de API.",
    "token.revoke.help": "Retira una clave de API.",
    "option.login": "Login del usuario.",
    "option.name": "Nombre que leen las personas.",
    "option.home": "Ciudad a la que pertenece el usuario; sin ella, la plataforma.",
    "option.second_factor": "Crea también un segundo factor nuevo.",
    "option.withdraw": "Lo que firmaron las claves viejas deja de valer: para claves robadas.",
    "option.role": "Rol: admin, gestor, operador, visualizador o el id de un rol propio.",
    "option.scope": "Dónde: platform, city:CIUDAD, group:CIUDAD/GRUPO o camera:CIUDAD/CÁMARA.",
    "option.days": "Cuántos días dura.",
    "option.per_minute": "Cuántas peticiones por minuto puede hacer.",
    "argument.key": "Id de la clave.",
    "admin.password": "Contraseña",
    "admin.password_again": "Contraseña otra vez",
    "admin.created": (
        "{login} fue creado, con segundo factor. Se muestra una sola vez:\n"
        "  Secreto                  {secret}\n"
        "  Para la aplicación       {url}\n"
        "  Códigos de recuperación  {codes}"
    ),
    "admin.reset": "{login} tiene una contraseña nueva; terminaron {sessions} sesiones.",
    "admin.rotated": "Hay claves de firma nuevas.",
    "token.created": "La clave {id} dura {days} días. El token, mostrado una sola vez:\n{token}",
    "token.none": "No hay claves de API.",
    "token.line": "{id}  {name}  {role}  {scope}  hasta {until}",
    "token.revoked": "La clave {id} fue retirada.",
    "error.password_length": "una contraseña tiene de {least} a {most} caracteres.",
    "error.password_known_bad": "esta contraseña está entre las primeras que cualquiera prueba.",
    "error.password_login": "la contraseña es poco más que el login.",
    "error.password_differs": "las dos contraseñas son distintas.",
    "error.password_missing": "no llegó contraseña: escríbala o envíela por la entrada estándar.",
    "error.login_invalid": (
        "un login tiene de 1 a 64 de a-z, 0-9 y . _ @ + -, y empieza por letra o cifra."
    ),
    "error.login_taken": "el login {login} ya existe.",
    "error.login_ambiguous": "el login {login} existe en varias ciudades: diga una con --city.",
    "error.login_unknown": "nadie tiene el login {login} allí.",
    "error.name_invalid": "un nombre tiene de 1 a 200 caracteres visibles.",
    "error.scope_invalid": (
        "{scope} no es un ámbito: escriba platform, city:CIUDAD, group:CIUDAD/GRUPO o "
        "camera:CIUDAD/CÁMARA."
    ),
    "error.user_role_unknown": "no hay rol {id} allí.",
    "error.role_platform_only": "el rol {role} solo puede darse en la plataforma.",
    "error.city_unknown": "no hay ciudad {city}.",
    "error.key_unknown": "no hay clave {id}.",
    "error.number_out_of_range": "{field}: de {least} a {most}.",
    "error.quota_users": "la ciudad no puede tener más usuarios (límite {limit}, en uso {used}).",
}
