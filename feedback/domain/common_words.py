"""Words that say nothing by themselves, by language: small, without accents, of three letters at least.

They are left out where words of customers are counted. Japanese has none, for it is not taken apart into words.
"""

COMMON_WORDS = {
    "en": """
        about after again all already also always and another any anyone anything are aren ask asked asking back
        because been before being better both but came can cannot could couldn day days dear did didn does doesn
        doing don done each either else ever every everything few first for from gave get gets getting give
        given goes going good got great had hadn has hasn have haven having hello help helped her here hers hey
        him his how however into isn its just kind know last later least let like little long look made make
        many may maybe might more most much must need needed needs never new next nice not nothing now off often
        once one only other our out over own people please put really right said same saw say says see seen she
        should shouldn since some someone something soon still such sure take taken tell than thank thanks that
        the their them then there these they thing things think this those though three through till time times
        today told tomorrow too took tried try trying two under until use used using very want wanted was wasn
        way week weeks well went were weren what when where which while who whole why will wish with within
        without won would wouldn yes yesterday yet you your yours
    """,
    "de": """
        aber alle allem allen aller alles als also andere anderen auch auf aus bei beim bereits besser bin bis
        bitte bitten brauche braucht dabei dafur damit danach danke dann daran darauf das dass dazu dein deine
        dem den denn der des deshalb die dies diese diesem diesen dieser dieses doch dort durch ein eine einem
        einen einer eines einfach einmal erst erste ersten etwas euch euer eure fast fur ganz gar geben gegen
        gehen geht gemacht genau gerne gesagt gestern gibt gut gute guten habe haben hallo hat hatte hatten
        heute hier hilfe hin ich ihm ihn ihnen ihr ihre ihrem ihren ihrer immer ist jede jeden jeder jedes
        jedoch jemand jetzt kam kann kannst kein keine keinen keiner kommen kommt konnen konnte konnten lange
        leider machen macht mal man mehr mein meine meinem meinen meiner mich mir mit mochte morgen muss musste
        nach nachdem nicht nichts nie niemand noch nun nur oder ohne schnell schon schreiben sehr sei sein seine
        seit selbst sich sie sind sodass sofort soll sollte sondern tag tage uber und uns unser unsere unter
        viel viele vielen vom von vor war waren warum was weg wegen weil weiter welche wenn wer werde werden wie
        wieder wir wird wirklich woche wochen wollen wollte worden wurde wurden zeit zum zur zwar zwei
    """,
    "fr": """
        afin ainsi alors apres aucun aucune aujourd aussi autre autres aux avait avant avec avez avoir avons
        beaucoup bien bon bonjour bonne car cela celle celui ces cet cette ceux chaque chez comme comment dans
        deja demain depuis des deux dire dit doit donc dont elle elles encore entre est etaient etait ete etes
        etre eux faire fait fois font grace hier hui ici ils jamais jour jours juste les leur leurs lors lui
        mais meme merci mes mieux moi moins mon non nos notre nous nouveau ont par parce pas pendant personne
        peu peut peux plus pour pourquoi pourrait pouvez pouvoir premier pres puis quand que quel quelle quelque
        quelques qui quoi rien sans semaine semaines sera ses seulement sommes son sont sous souvent suis sur
        tant tous tout toute toutes tres trop une vers voici vos votre vous vraiment
    """,
    "es": """
        ademas ahora algo alguien algun alguna ante antes aqui asi aun aunque ayer bien buena buenas bueno
        buenos cada casi como con contra cosa cual cuando cuanto dar debe decir del desde despues dia dias dice
        dicho donde dos ella ellas ellos entonces entre era eran eres esa esas ese eso esos esta estaba estado
        estamos estan estar estas este esto estos estoy fue fueron gracias habia hace hacer hacia han has hasta
        hay haya hecho hemos hola hoy las les los luego mal mas mejor menos mes mis mismo mucha muchas mucho
        muchos muy nada nadie necesito ningun ninguna nos nosotros nuestra nuestro nunca otra otras otro otros
        para pero poco por porque primera primero puede pueden puedo pues que quien quiero saber sea segun ser
        sera sido siempre sin sino sobre solo son soy sus tal tambien tampoco tan tanto tener tengo tiene tienen
        toda todas todavia todo todos tres una unas uno unos usted ustedes van veces ver vez voy
    """,
    "it": """
        adesso alcuni alla alle allo allora altra altre altri altro anche ancora aver avere avete aveva avuto
        bene bisogno buona buongiorno buono che chi ciao cio cioe come con contro cosa cose cosi cui dal dalla
        dalle dallo davvero degli dei del della delle dello dentro detto deve devo dire dopo dove due ecco era
        erano essere fare fatto fino fra gia giorni giorno gli grazie hanno ieri infatti invece lei loro lui mai
        male meglio meno mia mie miei mio molta molte molti molto nel nella nelle nello nessun nessuna nessuno
        niente noi non nostra nostro nulla nuovo oggi ogni oppure per perche pero piu poco poi possibile posso
        potete prego prima primo proprio puo qua qual qualche qualcosa qualcuno quale quali quando quanto quasi
        quella quelle quelli quello questa queste questi questo qui quindi sempre senza sia siamo siete solo
        sono sopra sotto stata stati stato stesso sua sue sul sulla suo suoi tanto troppo tutta tutte tutti
        tutto una uno vero verso voi volta volte vorrei vostra vostro
    """,
    "pt": """
        agora ainda alem algo alguem algum alguma amanha antes apenas aquela aquele aqui assim ate atras bem boa
        bom cada com como contra das dela dele depois desde dessa desse desta deste deve dia dias disse disso
        dizer dois dos duas ela elas ele eles entao entre era eram essa essas esse esses esta estao estar estas
        estava este estes estou faz fazer feito foi foram fui havia hoje isso isto lhe mais mas melhor menos
        mesmo meu meus minha minhas muita muitas muito muitos nada nao nas nem nenhum nenhuma ninguem nos nossa
        nosso nova novo num numa nunca obrigada obrigado ola onde ontem outra outras outro outros para pela
        pelas pelo pelos per pode podem poder pois por porque posso pouco preciso primeiro qual quando quanto
        quase que quem quer quero sabe seja sem sempre sendo ser sera seu seus sido sim sobre sou sua suas tal
        tambem tanto tem temos tenho ter teve tinha toda todas todo todos tres tudo uma umas uns vai vez vezes
        voce voces vou
    """,
    "nl": """
        aan alle alleen alles als altijd andere ben beter bij bijna daar daarna dag dagen dan dank dat deze die
        dit doe doen door dus echt een eens eerst eerste elke enige even gaan gaat gedaan geef geen geholpen
        gekregen geval geven gewoon goed goede graag haar had hadden hallo heb hebben hebt heeft heel hem hen
        het hier hij hoe hun ieder iedere iemand iets jaar jammer jou jouw jullie kan keer kon konden kreeg
        krijgen kunnen kunt lang laten maak maar maken man meer meest met mij mijn misschien moest moet moeten
        mogen morgen naar nee niemand niet niets nodig nog nooit nou omdat onder ons onze ooit ook over pas snel
        steeds terug tijd toch toen tot twee uit uur van vanaf vandaag veel voor vraag waar waarom wanneer want
        waren was wat week weer weg weken wel welke werd wie wij wil willen worden wordt zal zeer zei zelf zich
        zij zijn zoals zonder zou
    """,
    "pl": """
        albo ale bardzo beda bedzie bez bowiem byc byl byla byli bylo byly caly chce chcialam chcialem cos czas
        czasu czego czy czyli dla dlaczego dlatego dni dnia dobra dobre dobry dobrze dopiero dwa dwie dziekuje
        dzien dzis dzisiaj gdy gdzie ich ile inne inny jak jaki jakie jako jeden jedna jednak jego jej jesli
        jest jestem jeszcze juz kazdy kiedy kilka kto ktora ktore ktory ktos lub maja mam mamy mial miala mimo
        mnie moge moj moja moje moze mozna musi musze nad nadal nasz nasze nic nich nie niestety nigdy nim niz
        oba obok ona one oni ono oraz pan pani panstwo pod ponad poniewaz potem prosze przed przez przy raz
        razem razy roku rowniez sam sama sie skad sobie swoj swoje tak taka takie takze tam tego tej ten teraz
        tez tobie tych tydzien tygodni tylko tym wam was wasz wczoraj wiec wiele wielu witam wlasnie wszyscy
        wszystkie wszystko wtedy zanim zawsze zeby znowu zostal zostala
    """,
    "ar": """
        أحد أريد أفضل أكثر أمس أنا أنت أنتم أنه أنها أيام أيضا أين إلى إنه احد اريد افضل اكثر الآن الان التي
        الذي الذين السلام الى الي اليوم امس انا انت انتم انه انها ايام ايضا اين بدون بعد بعض بين تكون تلك جدا
        جيد حتى حتي حول حيث خلال دون ذلك سوى شكرا شيء شيئا على علي عليكم عليه عليها عند عندما عندي غدا غير فقط
        فيه فيها قبل قليل كان كانت كانوا كثير كثيرا كلها كما كيف لأن لان لقد لكم لكن لماذا لنا لها لهم ليس ليست
        ماذا متى مرات مرة مرحبا معكم معي منذ منه منها نحن نعم هؤلاء هذا هذه هنا هناك يتم يجب يكون يمكن يوم
    """,
    "ja": "",
}
