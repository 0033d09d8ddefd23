"""What ``vms db`` says, and what is said of the database's errors."""

from collections.abc import Mapping

EN: Mapping[str, str] = {
    "db.help": "The database: upgrade, check, backup, restore.",
    "db.upgrade.help": "Bring the database to what this program needs; vms up does it too.",
    "db.check.help": "Check that file, tables and their protection are as they must be.",
    "db.backup.help": "Copy the database into one file while the product runs.",
    "db.restore.help": "Replace the database by a backup; the product must not run.",
    "argument.backup_to": "File to write; without it one in DATA/backups.",
    "argument.backup_from": "File that vms db backup wrote.",
    "db.current": "The database is up to date (version {version}).",
    "db.upgraded": "The database was upgraded from version {old} to {new}.",
    "db.fine": "The database is fine (version {version}).",
    "db.fault.file_damaged": "The file is damaged: {detail}",
    "db.fault.reference_broken": "A row refers to nothing: {detail}",
    "db.fault.schema_differs": "A table is not as this program made it: {detail}",
    "db.fault.role_above_security": "Row-level security does not hold: {detail}",
    "db.fault.table_unsecured": "Row-level security is off: {detail}",
    "db.backed_up": (
        "Backup written and checked: {file} ({kib} KiB). Keep secret.key too, in another place."
    ),
    "db.restored": "Restored {file} (version {version}). vms up upgrades it where needed.",
    "db.aside": "What was there before was put into {file}.",
    "error.database_unavailable": "the database does not answer.",
    "error.database_missing": "there is no database at {file} yet; vms up makes it.",
    "error.database_busy": ("the database was busy with other changes for too long; try again."),
    "error.database_timeout": "the database took too long; try again.",
    "error.database_damaged": (
        "the database file is damaged; vms db restore puts a backup in its place."
    ),
    "error.disk_full": "the disk of the database is full.",
    "error.database_url": "database.url = {url} is refused: {why}",
    "error.database_in_use": ("the product is running on this database; stop every vms up first."),
    "error.database_faulty": "the database has {count} faults.",
    "error.schema_newer": (
        "the database has version {current}, this program knows up to {newest}: "
        "start the newer program, or restore a backup made before it."
    ),
    "error.schema_older": (
        "the database has version {current}, this program needs {newest}: run vms db upgrade."
    ),
    "error.backup_exists": "{file} is there already; a backup replaces nothing.",
    "error.backup_missing": "{file}: there is no such file.",
    "error.backup_nothing": "there is no database to copy yet.",
    "error.backup_damaged": "{file} is not a backup, or it is damaged: {why}",
    "error.program_missing": (
        "{program} is needed and is not installed (Debian: apt install {package})."
    ),
    "error.program_failed": "{program} failed: {why}",
    "error.secret_key_invalid": ("the secret key is not one or more keys of 32 bytes in base 64."),
    "error.secret_key_exposed": (
        "{file} must belong to this user and be closed to others: chmod 600."
    ),
    "error.secret_key_unknown": ("{where} was sealed with another secret key; put that key back."),
    "error.secret_damaged": "{where} was changed since it was sealed.",
}

PT: Mapping[str, str] = {
    "db.help": "O banco de dados: atualizar, conferir, copiar, restaurar.",
    "db.upgrade.help": "Leva o banco ao que este programa precisa; vms up também faz isso.",
    "db.check.help": "Confere se arquivo, tabelas e sua proteção estão como devem.",
    "db.backup.help": "Copia o banco para um arquivo com o produto rodando.",
    "db.restore.help": "Troca o banco por uma cópia; o produto não pode estar rodando.",
    "argument.backup_to": "Arquivo a escrever; sem ele, um em DATA/backups.",
    "argument.backup_from": "Arquivo que vms db backup escreveu.",
    "db.current": "O banco está em dia (versão {version}).",
    "db.upgraded": "O banco foi da versão {old} para a {new}.",
    "db.fine": "O banco está certo (versão {version}).",
    "db.fault.file_damaged": "O arquivo está danificado: {detail}",
    "db.fault.reference_broken": "Uma linha aponta para nada: {detail}",
    "db.fault.schema_differs": "Uma tabela não está como este programa a criou: {detail}",
    "db.fault.role_above_security": "A segurança por linha não vale: {detail}",
    "db.fault.table_unsecured": "A segurança por linha está desligada: {detail}",
    "db.backed_up": (
        "Cópia escrita e conferida: {file} ({kib} KiB). Guarde também o secret.key, em outro lugar."
    ),
    "db.restored": "{file} restaurado (versão {version}). vms up atualiza onde for preciso.",
    "db.aside": "O que havia antes foi posto em {file}.",
    "error.database_unavailable": "o banco de dados não responde.",
    "error.database_missing": "ainda não há banco em {file}; vms up o cria.",
    "error.database_busy": (
        "o banco ficou ocupado com outras mudanças por tempo demais; tente de novo."
    ),
    "error.database_timeout": "o banco demorou demais; tente de novo.",
    "error.database_damaged": (
        "o arquivo do banco está danificado; vms db restore põe uma cópia no lugar."
    ),
    "error.disk_full": "o disco do banco de dados está cheio.",
    "error.database_url": "database.url = {url} foi recusado: {why}",
    "error.database_in_use": "o produto está rodando neste banco; encerre antes todo vms up.",
    "error.database_faulty": "o banco tem {count} defeitos.",
    "error.schema_newer": (
        "o banco tem a versão {current}, este programa conhece até a {newest}: "
        "use o programa mais novo ou restaure uma cópia feita antes dele."
    ),
    "error.schema_older": (
        "o banco tem a versão {current}, este programa precisa da {newest}: rode vms db upgrade."
    ),
    "error.backup_exists": "{file} já existe; uma cópia não substitui nada.",
    "error.backup_missing": "{file}: esse arquivo não existe.",
    "error.backup_nothing": "ainda não há banco para copiar.",
    "error.backup_damaged": "{file} não é uma cópia, ou está danificado: {why}",
    "error.program_missing": (
        "{program} é preciso e não está instalado (Debian: apt install {package})."
    ),
    "error.program_failed": "{program} falhou: {why}",
    "error.secret_key_invalid": (
        "a chave secreta não é uma ou mais chaves de 32 bytes em base 64."
    ),
    "error.secret_key_exposed": ("{file} deve ser deste usuário e fechado aos outros: chmod 600."),
    "error.secret_key_unknown": (
        "{where} foi selado com outra chave secreta; ponha essa chave de volta."
    ),
    "error.secret_damaged": "{where} foi mudado depois de selado.",
}

ES: Mapping[str, str] = {
    "db.help": "La base de datos: actualizar, comprobar, copiar, restaurar.",
    "db.upgrade.help": "Lleva la base a lo que este programa necesita; vms up también lo hace.",
    "db.check.help": "Comprueba que archivo, tablas y su protección estén como deben.",
    "db.backup.help": "Copia la base a un archivo con el producto en marcha.",
    "db.restore.help": "Cambia la base por una copia; el producto no puede estar en marcha.",
    "argument.backup_to": "Archivo que se escribe; sin él, uno en DATA/backups.",
    "argument.backup_from": "Archivo que escribió vms db backup.",
    "db.current": "La base está al día (versión {version}).",
    "db.upgraded": "La base pasó de la versión {old} a la {new}.",
    "db.fine": "La base está bien (versión {version}).",
    "db.fault.file_damaged": "El archivo está dañado: {detail}",
    "db.fault.reference_broken": "Una fila apunta a nada: {detail}",
    "db.fault.schema_differs": "Una tabla no está como este programa la creó: {detail}",
    "db.fault.role_above_security": "La seguridad por filas no rige: {detail}",
    "db.fault.table_unsecured": "La seguridad por filas está apagada: {detail}",
    "db.backed_up": (
        "Copia escrita y comprobada: {file} ({kib} KiB). Guarde también secret.key, en otro lugar."
    ),
    "db.restored": "{file} restaurado (versión {version}). vms up lo actualiza donde haga falta.",
    "db.aside": "Lo que había antes quedó en {file}.",
    "error.database_unavailable": "la base de datos no responde.",
    "error.database_missing": "todavía no hay base en {file}; vms up la crea.",
    "error.database_busy": (
        "la base estuvo ocupada con otros cambios demasiado tiempo; intente de nuevo."
    ),
    "error.database_timeout": "la base tardó demasiado; intente de nuevo.",
    "error.database_damaged": (
        "el archivo de la base está dañado; vms db restore pone una copia en su lugar."
    ),
    "error.disk_full": "el disco de la base de datos está lleno.",
    "error.database_url": "database.url = {url} fue rechazado: {why}",
    "error.database_in_use": (
        "el producto está en marcha sobre esta base; detenga antes todo vms up."
    ),
    "error.database_faulty": "la base tiene {count} fallos.",
    "error.schema_newer": (
        "la base tiene la versión {current}, este programa conoce hasta la {newest}: "
        "use el programa más nuevo o restaure una copia hecha antes de él."
    ),
    "error.schema_older": (
        "la base tiene la versión {current}, este programa necesita la {newest}: "
        "ejecute vms db upgrade."
    ),
    "error.backup_exists": "{file} ya existe; una copia no reemplaza nada.",
    "error.backup_missing": "{file}: ese archivo no existe.",
    "error.backup_nothing": "todavía no hay base que copiar.",
    "error.backup_damaged": "{file} no es una copia, o está dañado: {why}",
    "error.program_missing": (
        "{program} hace falta y no está instalado (Debian: apt install {package})."
    ),
    "error.program_failed": "{program} falló: {why}",
    "error.secret_key_invalid": ("la clave secreta no es una o más claves de 32 bytes en base 64."),
    "error.secret_key_exposed": (
        "{file} debe ser de este usuario y cerrado a los demás: chmod 600."
    ),
    "error.secret_key_unknown": (
        "{where} fue sellado con otra clave secreta; devuelva esa clave a su lugar."
    ),
    "error.secret_damaged": "{where} fue cambiado después de sellado.",
}
